"""What iterations add to a bill, beyond the table of hand-derived ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from anthropic.types.beta import BetaIterationsUsage
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.call import Iteration
from tokentape.proxy.pricing.iterations import with_iterations
from tokentape.proxy.pricing.portions import Counts, Portion

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVED = "claude-sonnet-5-20260901"
TOP = Portion(SERVED, Counts(input=100, cache_write_5m=10, output=20))


def portions(*iterations: Iteration, ttls: tuple[str, ...] = ()) -> tuple[Sequence[Portion], list[str]]:
    reasons: list[str] = []
    return with_iterations(SERVED, TOP, iterations, ttls, reasons), reasons


def test_the_sdk_knows_no_other_types() -> None:
    union = get_args(get_args(BetaIterationsUsage)[0])[0]
    types = {get_args(entry.model_fields["type"].annotation)[0] for entry in get_args(union)}
    assert types == {"message", "compaction", "advisor_message", "fallback_message"}


def test_sampling_within_the_top_level_changes_nothing() -> None:
    inside = Iteration(type="message", model="claude-sonnet-5", input_tokens=60, output_tokens=20)
    assert portions(inside) == ([Portion(SERVED, TOP.counts, 60)], [])


def test_an_advisor_without_a_name_has_no_model() -> None:
    found, reasons = portions(Iteration(type="advisor_message", input_tokens=5))
    assert (found, reasons) == ([TOP, Portion(None, Counts(input=5))], [])


def test_a_missing_split_beside_the_top_level_is_put_at_the_ttl_that_was_asked_for() -> None:
    entry = Iteration(type="compaction", cache_creation_input_tokens=7)
    assert portions(entry, ttls=("1h",)) == (
        [TOP, Portion(SERVED, Counts(cache_write_1h=7))],
        ["cache_split"],
    )


def test_a_missing_split_inside_the_top_level_is_nobodys_concern() -> None:
    entry = Iteration(type="message", cache_creation_input_tokens=10, input_tokens=100, output_tokens=20)
    assert portions(entry) == ([Portion(SERVED, TOP.counts, 110)], [])


def test_an_attempt_without_output_is_not_charged_whoever_made_it() -> None:
    entries = (
        Iteration(type="message", model=model, input_tokens=999) for model in (None, SERVED, "claude-opus-5")
    )
    assert portions(*entries) == ([TOP], [])


def test_a_fallback_message_counts_without_output_too() -> None:
    entry = Iteration(type="fallback_message", model=SERVED, input_tokens=130)
    found, reasons = portions(entry)
    assert (found[0].counts.input, reasons) == (130, ["iterations"])


ITERATIONS = st.lists(
    st.builds(
        Iteration,
        type=st.sampled_from(["message", "compaction", "advisor_message", "fallback_message", "other"]),
        model=st.sampled_from([None, SERVED, "claude-opus-5"]),
        input_tokens=st.integers(0, 1_000),
        output_tokens=st.integers(0, 1_000),
        cache_read_input_tokens=st.integers(0, 1_000),
        cache_creation_input_tokens=st.integers(0, 1_000),
        ephemeral_5m_input_tokens=st.none() | st.integers(0, 500),
        ephemeral_1h_input_tokens=st.none() | st.integers(0, 500),
    ),
    max_size=6,
)


@given(ITERATIONS)
def test_no_token_is_lost_and_none_beside_the_top_level_is_counted_twice(iterations: list[Iteration]) -> None:
    found, _ = portions(*iterations)
    assert all(told <= counted for told, counted in zip(TOP.counts, found[0].counts, strict=True)) or (
        found[0].counts.prompt >= TOP.counts.prompt
    )
    beside = [
        entry
        for entry in iterations
        if entry.type in {"compaction", "advisor_message"}
        or (entry.type == "message" and entry.model == "claude-opus-5" and entry.output_tokens)
        or (entry.type == "fallback_message" and entry.model == "claude-opus-5")
    ]
    assert [portion.counts.output for portion in found[1:]] == [entry.output_tokens for entry in beside]
    assert [portion.counts.prompt for portion in found[1:]] == [
        entry.input_tokens + entry.cache_read_input_tokens + entry.cache_creation_input_tokens
        for entry in beside
    ]
