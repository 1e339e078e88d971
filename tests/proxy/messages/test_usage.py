"""How usage comes together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.call import CacheWrites, Iteration, Usage
from tokentape.proxy.messages.tolerant import Notes
from tokentape.proxy.messages.usage import MAX_ITERATIONS, UsageMerge, cache_writes

FULL: dict[str, Any] = {
    "input_tokens": 10,
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 7},
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 40,
    "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 25},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 3},
    "service_tier": "priority",
    "inference_geo": "us",
    "speed": "fast",
}
READ = Usage(
    input_tokens=10,
    output_tokens=20,
    thinking_tokens=7,
    cache_read_input_tokens=30,
    cache_creation_input_tokens=40,
    ephemeral_5m_input_tokens=15,
    ephemeral_1h_input_tokens=25,
    web_search_requests=2,
    web_fetch_requests=3,
    service_tier="priority",
    inference_geo="us",
    speed="fast",
)


def merge(*updates: Any, start: Any = None) -> tuple[Usage | None, Notes]:
    notes = Notes()
    usage = UsageMerge(notes)
    usage.start(start)
    for update in updates:
        usage.update(update)
    return usage.result(), notes


def test_every_field_of_a_whole_message_is_read() -> None:
    usage, notes = merge(FULL)
    assert (usage, notes.unknown, notes.parse_errors) == (READ, [], [])


def test_output_in_message_start_is_a_placeholder() -> None:
    started, _ = merge(start=FULL)
    assert started == Usage(
        **{
            field: getattr(READ, field)
            for field in Usage.__struct_fields__
            if field not in {"output_tokens", "thinking_tokens"}
        }
    )


def test_a_delta_overwrites_and_is_never_added() -> None:
    usage, _ = merge({"output_tokens": 50, "input_tokens": 12}, {"output_tokens": 60}, start=FULL)
    assert usage is not None
    assert (usage.output_tokens, usage.input_tokens, usage.cache_read_input_tokens) == (60, 12, 30)


def test_null_and_absent_fields_change_nothing() -> None:
    nothing = dict.fromkeys(FULL) | {"cache_creation": {"ephemeral_5m_input_tokens": None}}
    usage, notes = merge(FULL, nothing, {})
    assert (usage, notes.parse_errors) == (READ, [])


def test_zeros_first_and_the_truth_last_gives_the_truth() -> None:
    zeros = {"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 0}
    usage, _ = merge({"input_tokens": 9, "output_tokens": 8, "cache_read_input_tokens": 7}, start=zeros)
    assert usage == Usage(input_tokens=9, output_tokens=8, cache_read_input_tokens=7)


def test_no_usage_is_not_usage_of_zero() -> None:
    assert merge(None, 5, [])[0] is None
    assert merge({})[0] == Usage()


def test_iterations_are_a_whole_list_each_time() -> None:
    first = [{"type": "message", "input_tokens": 1, "output_tokens": 2}]
    last = [
        *first,
        {
            "type": "advisor_message",
            "model": "claude-opus-4-1",
            "input_tokens": 3,
            "output_tokens": 4,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 6,
            "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 0},
        },
        {"type": "compaction", "input_tokens": None, "cache_creation": None},
    ]
    usage, notes = merge({"iterations": last}, start={"iterations": first})
    assert usage == Usage(
        iterations=(
            Iteration(type="message", input_tokens=1, output_tokens=2),
            Iteration(
                type="advisor_message",
                model="claude-opus-4-1",
                input_tokens=3,
                output_tokens=4,
                cache_read_input_tokens=5,
                cache_creation_input_tokens=6,
                ephemeral_5m_input_tokens=6,
                ephemeral_1h_input_tokens=0,
            ),
            Iteration(type="compaction"),
        )
    )
    assert (notes.unknown, notes.parse_errors) == ([], [])


def test_iterations_are_bounded_and_newer_kinds_are_noted() -> None:
    usage, notes = merge({"iterations": [{"type": "dream"}, "no object"] * MAX_ITERATIONS})
    assert usage is not None
    assert len(usage.iterations) <= MAX_ITERATIONS
    assert (notes.unknown, notes.parse_errors) == (["iteration:dream"], ["usage_iterations"])


def test_unknown_fields_are_noted_and_odd_values_are_left_out() -> None:
    odd = {
        "input_tokens": -1,
        "output_tokens": "many",
        "service_tier": 5,
        "cache_creation": 5,
        "server_tool_use": {"web_search_requests": True, "dream_requests": 1},
        "fallback_credit": {"status": {"type": "redeemed"}},
        "carbon_grams": 5,
    }
    usage, notes = merge(odd)
    assert usage == Usage()
    assert notes.unknown == ["usage:server_tool_use.dream_requests", "usage:carbon_grams"]
    assert notes.parse_errors == ["usage_value"]


COUNTS = st.one_of(st.none(), st.integers(0, 1000))


@given(st.lists(st.fixed_dictionaries({}, optional={"input_tokens": COUNTS, "output_tokens": COUNTS})))
def test_the_last_value_that_is_not_null_wins(updates: list[dict[str, int | None]]) -> None:
    usage, _ = merge(*updates)
    for field in ("input_tokens", "output_tokens"):
        said = [update[field] for update in updates if update.get(field) is not None]
        assert usage is None or getattr(usage, field) == (said[-1] if said else None)


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.booleans(),
        lambda each: (
            st.lists(each) | st.dictionaries(st.sampled_from([*FULL, "iterations", "type", "x"]), each)
        ),
    )
)
def test_no_shape_raises(usage: Any) -> None:
    merge(usage, start=usage)


@pytest.mark.parametrize(
    ("total", "short", "long", "ttls", "writes"),
    [
        (None, None, None, (), CacheWrites()),
        (0, 0, 0, ("1h",), CacheWrites()),
        (10, 4, 6, (), CacheWrites(tokens_5m=4, tokens_1h=6)),
        (None, 4, 6, (), CacheWrites(tokens_5m=4, tokens_1h=6)),
        (10, None, None, ("1h",), CacheWrites(tokens_1h=10, assumed=True)),
        (10, None, None, ("5m",), CacheWrites(tokens_5m=10, assumed=True)),
        (10, None, None, (), CacheWrites(tokens_5m=10, assumed=True)),
        (10, None, None, ("1h", "5m"), CacheWrites(tokens_5m=10, assumed=True)),
        (15, 4, 6, ("1h",), CacheWrites(tokens_5m=4, tokens_1h=11, assumed=True)),
        (15, 4, 6, ("5m",), CacheWrites(tokens_5m=9, tokens_1h=6, assumed=True)),
        (15, 0, 6, (), CacheWrites(tokens_1h=15, assumed=True)),
        (15, None, 6, (), CacheWrites(tokens_1h=15, assumed=True)),
        (15, 4, 6, (), CacheWrites(tokens_5m=9, tokens_1h=6, assumed=True)),
        (8, 4, 6, ("5m",), CacheWrites(tokens_5m=2, tokens_1h=6, assumed=True)),
        (5, 4, 6, ("5m",), CacheWrites(tokens_1h=5, assumed=True)),
    ],
)
def test_cache_writes_add_up_to_the_total(
    total: int | None, short: int | None, long: int | None, ttls: tuple[str, ...], writes: CacheWrites
) -> None:
    usage = Usage(
        cache_creation_input_tokens=total, ephemeral_5m_input_tokens=short, ephemeral_1h_input_tokens=long
    )
    assert cache_writes(usage, ttls) == writes


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.sampled_from([(), ("1h",), ("5m",)]))
def test_cache_writes_always_add_up(total: int, short: int, long: int, ttls: tuple[str, ...]) -> None:
    usage = Usage(
        cache_creation_input_tokens=total, ephemeral_5m_input_tokens=short, ephemeral_1h_input_tokens=long
    )
    writes = cache_writes(usage, ttls)
    assert writes.tokens_5m + writes.tokens_1h == total
    assert min(writes.tokens_5m, writes.tokens_1h) >= 0
    assert writes.assumed == (short + long != total)
