from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.catalogue import Rank
from tokentape.proxy.telemetry.bounds import (
    MAX_VALUE_CHARACTERS,
    RESERVED_LINES,
    Bounded,
    LineBudget,
    printable,
)


class Counted:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def test_values_beyond_the_limit_are_other_and_counted() -> None:
    overflow = Counted()
    bounded = Bounded(2, overflow)
    assert [bounded(value) for value in "abcabd"] == ["a", "b", "other", "a", "b", "other"]
    assert overflow.times == 2


def test_free_values_do_not_count() -> None:
    bounded = Bounded(1, Counted(), free=("default",))
    assert [bounded(value) for value in ("default", "a", "default", "b")] == [
        "default",
        "a",
        "default",
        "other",
    ]


def test_a_value_named_other_is_simply_other() -> None:
    overflow = Counted()
    bounded = Bounded(1, overflow)
    assert [bounded("other"), bounded("a")] == ["other", "a"]
    assert overflow.times == 0


@given(st.text(st.characters(), max_size=300))
def test_any_text_becomes_short_and_encodable(value: str) -> None:
    shown = printable(value)
    assert len(shown) <= MAX_VALUE_CHARACTERS
    shown.encode("utf-8")


def test_lone_surrogates_are_replaced() -> None:
    assert printable("a\ud800b") == "a?b"


@pytest.mark.parametrize(
    ("used", "admitted"),
    [
        (300, [Rank.DETAIL, Rank.LATENCY, Rank.COUNT, Rank.CORE]),
        (400, [Rank.LATENCY, Rank.COUNT, Rank.CORE]),
        (600, [Rank.COUNT, Rank.CORE]),
        (900, [Rank.CORE]),
        (970, []),
    ],
)
def test_as_lines_fill_up_details_go_first_and_money_last(used: int, admitted: list[Rank]) -> None:
    budget = LineBudget(RESERVED_LINES + 1000)
    budget.used = used
    assert [rank for rank in Rank if budget.admits(rank, 1)] == admitted


def test_refusals_are_counted() -> None:
    budget, refused = LineBudget(RESERVED_LINES + 100), Counted()
    budget.refused = refused
    assert (budget.admits_any(100), budget.admits_any(101), budget.admits_pair()) == (True, False, True)
    assert refused.times == 1
