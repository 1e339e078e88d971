"""Chaos: the same requests are struck by the same faults, in whatever order they come."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.faults.recorded import attempt, whole

from tokentape.recorder.faults import cut, overloaded
from tokentape.recorder.faults.book import Book
from tokentape.recorder.faults.chaos import MIX, Chaos, read_chaos
from tokentape.recorder.faults.fault import FaultError

if TYPE_CHECKING:
    from tokentape.recorder.faults.attempt import Attempt

ATTEMPTS = [
    attempt(number, session=session, stream=number % 2 == 0) for number in range(40) for session in "ab"
] + [attempt(7, session="a")] * 5


def outcomes(
    attempts: list[Attempt], *, seed: int = 7, rate: float = 0.3
) -> dict[tuple[str, bytes], list[str]]:
    """By session and request, what struck each of its attempts."""
    book = Book(chaos=Chaos(rate=rate, seed=seed))
    struck: dict[tuple[str, bytes], list[str]] = {}
    for each in attempts:
        fault = book.strike(each)
        struck.setdefault((each.session, each.key), []).append(fault.spec if fault else "")
    return struck


@given(st.integers(0, 10_000))
def test_the_order_in_which_requests_come_changes_nothing(seed: int) -> None:
    shuffled = list(ATTEMPTS)
    random.Random(seed).shuffle(shuffled)

    assert outcomes(shuffled) == outcomes(ATTEMPTS)


def test_seeds_and_sessions_differ() -> None:
    one = outcomes(ATTEMPTS)

    assert outcomes(ATTEMPTS, seed=8) != one
    by_session = [[said for (name, _), said in one.items() if name == session] for session in "ab"]
    assert by_session[0] != by_session[1]


def test_about_so_many_are_struck() -> None:
    chaos = Chaos(rate=0.05, seed=7)
    struck = sum(chaos.draw(attempt(number), 0) is not None for number in range(4000))

    assert 140 < struck < 260
    assert not any(Chaos(rate=0).draw(attempt(number), 0) for number in range(100))
    assert all(Chaos(rate=1).draw(attempt(number), 0) for number in range(100))


def test_everything_of_the_mix_comes_and_streams_are_struck_anywhere() -> None:
    chaos = Chaos(rate=1, seed=1)
    drawn = [chaos.draw(attempt(number, stream=True), 0) for number in range(300)]

    assert {fault.name for fault in drawn if fault} == {fault.name for fault in MIX}
    assert {fault.count("after", 0) for fault in drawn if fault and fault.name == "cut"} >= set(range(1, 13))


def test_faults_that_say_where_strike_there() -> None:
    chaos = Chaos(rate=1, faults=(cut(after=3), cut(byte=9)))
    drawn = {chaos.draw(attempt(number), 0) for number in range(50)}

    assert drawn == {cut(after=3), cut(byte=9)}


def test_what_fits_nothing_strikes_nothing() -> None:
    assert read_chaos("100%: no_message_stop").draw(attempt(), 0) is None


def test_faults_that_are_given_come_first() -> None:
    book = Book([overloaded(times=1)], chaos=Chaos(rate=1, faults=(cut(),)))

    assert [fault.name if (fault := book.strike(attempt())) else "" for _ in range(2)] == [
        "overloaded",
        "cut",
    ]


def test_a_session_that_begins_anew_is_struck_as_before() -> None:
    book = Book(chaos=Chaos(rate=0.5, seed=3))
    first = [book.strike(attempt(number)) for number in (1, 1, 1, 2, 2, 3)]

    book.forget("")

    assert [book.strike(attempt(number)) for number in (1, 1, 1, 2, 2, 3)] == first


def test_chaos_answers() -> None:
    book = Book(chaos=read_chaos("100%: overloaded"))

    assert book.answer(attempt(), whole).status == 529


@pytest.mark.parametrize(
    ("text", "chaos"),
    [
        ("5%", Chaos(rate=0.05, seed=7)),
        ("0.05", Chaos(rate=0.05, seed=7)),
        (" 100 % : overloaded; cut:after=3", Chaos(rate=1, seed=7, faults=(overloaded(), cut(after=3)))),
        ("0", Chaos(rate=0, seed=7)),
    ],
)
def test_chaos_is_a_rate_and_what_to_choose_from(text: str, chaos: Chaos) -> None:
    assert read_chaos(text, seed=7) == chaos


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("often", "Chaos cannot be `often`: write a part of all requests, such as 5% or 0.05."),
        ("5", "Chaos cannot be `5`: "),
        ("101%", "Chaos cannot be `101%`: "),
        ("nan", "Chaos cannot be `nan`: "),
        ("5%: overlaoded", "There is no fault `overlaoded`: did you mean `overloaded`?"),
        ("5%: refused", "Chaos cannot choose `refused`: give it as a fault of its own."),
    ],
)
def test_what_cannot_be_understood_is_said(text: str, sentence: str) -> None:
    with pytest.raises(FaultError) as raised:
        read_chaos(text)

    assert str(raised.value).startswith(sentence)
