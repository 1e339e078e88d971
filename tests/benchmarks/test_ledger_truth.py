"""The harness itself: short, at a rate that any machine keeps; and that it tells what does not add up."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from tests.benchmarks.ledger_truth import MODELS, Said, Truth, differences, measure, table

MODEL = "claude-sonnet-4-5"


def truth() -> Truth:
    """Ten calls answered: one unmetered, two written by the observer that was killed. 0.018 USD each."""
    return Truth(
        sent=10,
        standin={MODEL: Said(calls=10, input_tokens=10_000, output_tokens=10_000)},
        kept={MODEL: Said(calls=9, input_tokens=9_000, output_tokens=9_000)},
        usd=Decimal("0.162"),
        unmetered=1,
        counted=Counter(calls=7, input_tokens=7_000, output_tokens=7_000),
        counted_usd=0.126,
        uncounted=Said(calls=2, input_tokens=2_000, output_tokens=2_000),
        uncounted_usd=Decimal("0.036"),
    )


def test_what_adds_up_has_no_differences() -> None:
    assert differences(truth()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"unmetered": 0}, "1 calls are not in the ledger; 0 are reported."),
        ({"lost": 1}, "1 calls are not in the ledger; 2 are reported."),
        ({"usd": Decimal("0.162000000001")}, "The ledger says 0.162000000001 USD; so many calls cost 0.162"),
        (
            {"kept": {MODEL: Said(calls=9, input_tokens=8_999, output_tokens=9_000)}},
            f"{MODEL}: the ledger has ",
        ),
        ({"uncounted": Said()}, "The counters lack Said(calls=2, "),
        ({"counted_usd": 0.144}, "The counters say 0.144 USD, "),
    ],
)
def test_each_difference_is_told(change: dict[str, object], told: str) -> None:
    found = differences(msgspec.structs.replace(truth(), **change))
    assert any(sentence.startswith(told) for sentence in found), found


@pytest.mark.slow
def test_a_short_run_adds_up() -> None:
    found = measure(200, 4, lambda _: None)
    assert (found.sent, found.failed, set(found.standin)) == (800, 0, set(MODELS))
    assert differences(found) == []
    assert table(found).row_count == 6
