"""Faults: how they are named, and how often they happen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.standin.behaviour import BehaviourError
from tokentape.recorder.standin.faults import Fault, FaultBook, read_faults


def test_a_spec_names_faults_in_order() -> None:
    assert read_faults("overloaded:times=2; cut:after=3,inside=1;error_event:type=api_error,after=4") == (
        Fault("overloaded", {}, times=2),
        Fault("cut", {"after": 3.0, "inside": 1.0}),
        Fault("error_event", {"after": 4.0}, type="api_error"),
    )


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("overlaoded", "there is no fault `overlaoded`"),
        ("cut:place=3", "the fault `cut` has no key `place`"),
        ("overloaded:after=3", "the fault `overloaded` has no key `after`"),
        ("stall:seconds=long", "`seconds` of the fault `stall` must be a number"),
    ],
)
def test_what_cannot_be_understood_is_named(spec: str, sentence: str) -> None:
    with pytest.raises(BehaviourError, match=sentence):
        read_faults(spec)


@given(st.text(alphabet="overloadedcut:=;,123. times", max_size=40))
def test_any_text_is_faults_or_a_refusal(spec: str) -> None:
    try:
        faults = read_faults(spec)
    except BehaviourError:
        return
    assert len(faults) == len([part for part in spec.split(";") if part.strip()])


def test_a_fault_without_times_happens_always() -> None:
    book = FaultBook()

    assert [book.next("api_error", "me") for _ in range(3)] == [Fault("api_error", {})] * 3


def test_times_are_counted_for_each_caller() -> None:
    book = FaultBook()

    happened = [(caller, book.next("overloaded:times=2", caller) is not None) for caller in "aababb"]

    assert happened == [("a", True), ("a", True), ("b", True), ("a", False), ("b", True), ("b", False)]


def test_the_next_fault_happens_when_one_is_used_up() -> None:
    book = FaultBook()

    names = [book.next("overloaded:times=1;rate_limit:times=2", "me") for _ in range(4)]

    assert [fault.name if fault else None for fault in names] == [
        "overloaded",
        "rate_limit",
        "rate_limit",
        None,
    ]


def test_the_book_is_bounded() -> None:
    book = FaultBook()

    for number in range(25_000):
        book.next("overloaded:times=1", str(number))

    assert len(book._happened) <= 10_000
