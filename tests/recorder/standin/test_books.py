"""Books: calls that name the same faults are counted together."""

from __future__ import annotations

import pytest
from tests.recorder.standin.asking import ask, settings

from tokentape.recorder.standin.behaviour import BehaviourError
from tokentape.recorder.standin.books import Books
from tokentape.recorder.standin.state import State


def test_the_same_faults_are_one_book() -> None:
    books = Books()

    book = books.find(settings(fault="overloaded", text="a"))

    assert books.find(settings(fault="overloaded", text="b")) is book
    assert books.find(settings(fault="overloaded", chaos="5%")) is not book
    assert not books.find(settings())


def test_what_cannot_be_understood_is_the_behaviours_fault() -> None:
    with pytest.raises(BehaviourError, match="did you mean `overloaded`"):
        State(settings(fault="overlaoded"))
    with pytest.raises(BehaviourError, match="write a part of all requests"):
        Books().find(settings(chaos="often"))


def test_books_are_bounded() -> None:
    books = Books()

    for number in range(3000):
        books.find(settings(fault=f"overloaded:times={number + 1}"))

    assert len(books._books) <= 1024


def test_chaos_strikes_a_process() -> None:
    state = State(settings(chaos="100%:overloaded; api_error", seed=3))

    asked = [ask(state)[0] for _ in range(30)]

    assert set(asked) == {529, 500}
    again = State(settings(chaos="100%:overloaded; api_error", seed=3))
    assert [ask(again)[0] for _ in range(30)] == asked


def test_limits_are_enforced_and_told() -> None:
    state = State(settings(fault="limits:rpm=2"))

    replies = [ask(state)[:2] for _ in range(3)]

    assert [status for status, _ in replies] == [200, 200, 429]
    assert [
        b"anthropic-ratelimit-requests-remaining: %d" % left in head
        for (_, head), left in zip(replies, (1, 0, 0), strict=True)
    ] == [True] * 3
    assert b"retry-after: 30" in replies[2][1]
