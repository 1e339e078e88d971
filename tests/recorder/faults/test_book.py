"""The book: who gets which fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.recorder.faults.recorded import attempt, stream, whole

from tokentape.recorder.faults import cut, overloaded
from tokentape.recorder.faults.book import Book, Counts
from tokentape.recorder.faults.spec import read_faults

if TYPE_CHECKING:
    from tokentape.recorder.faults.attempt import Attempt
    from tokentape.recorder.wire.reply import Reply


def names(specs: str, *attempts: Attempt) -> list[str | None]:
    """What strikes attempts, one after the other."""
    book = Book(read_faults(specs))
    return [fault.name if (fault := book.strike(each)) else None for each in attempts]


SAME = (attempt(),) * 5


def test_a_fault_without_times_strikes_always() -> None:
    assert names("overloaded", *SAME) == ["overloaded"] * 5


def test_times_are_counted_for_each_session() -> None:
    attempts = [attempt(session=session) for session in "aababb"]

    struck = names("overloaded:times=2", *attempts)

    assert [name is not None for name in struck] == [True, True, True, False, True, False]


def test_the_next_fault_strikes_when_one_is_used_up() -> None:
    assert names("overloaded:times=1;rate_limited:times=2", *SAME) == [
        *("overloaded", "rate_limited", "rate_limited"),
        *(None, None),
    ]


def test_the_nth_request_is_counted_whatever_struck_the_others() -> None:
    specs = "overloaded:times=1; cut:nth=2; malformed:nth=4,times=2"

    assert names(specs, *SAME) == ["overloaded", "cut", None, "malformed", "malformed"]


def test_only_requests_that_fit_are_counted() -> None:
    attempts = [attempt(stream=number % 2 == 1) for number in range(6)]

    assert names("no_message_stop:nth=2", *attempts) == [None, None, None, "no_message_stop", None, None]


def test_each_request_can_be_counted_by_itself() -> None:
    attempts = [attempt(number) for number in (1, 2, 1, 2, 1)]

    assert names("overloaded:times=1,each=request", *attempts) == [
        "overloaded",
        "overloaded",
        None,
        None,
        None,
    ]


def test_connections_are_refused_by_their_own_count() -> None:
    book = Book(read_faults("refused:nth=2,times=2; refused:nth=5"))

    assert [book.refuses() for _ in range(6)] == [False, True, True, False, True, False]
    assert book.strike(attempt()) is None


def test_faults_can_be_injected_while_it_is_used() -> None:
    book = Book()
    assert not book

    before = book.strike(attempt())
    book.inject(overloaded(times=1), cut())
    after = [book.strike(attempt()) for _ in range(2)]

    assert book
    assert (before, after) == (None, [overloaded(times=1), cut()])


def test_a_session_can_begin_anew() -> None:
    book = Book(read_faults("overloaded:times=1"))
    first = [book.strike(attempt(session=session)) is not None for session in "aabb"]

    book.forget("a")

    assert first == [True, False, True, False]
    assert [book.strike(attempt(session=session)) is not None for session in "aab"] == [True, False, False]


def test_the_book_is_bounded() -> None:
    book = Book(read_faults("overloaded:times=1,each=request"))

    for number in range(25_000):
        book.strike(attempt(session=str(number)))
        if number % 1000 == 0:
            book.forget(str(number))

    entry = book._entries[0]
    assert max(len(entry._met), len(entry._struck)) <= 10_000


def test_what_is_counted_last_is_forgotten_last() -> None:
    counts = Counts()
    counts.count("a")
    for number in range(10_000):
        counts.count(number)
        counts.count("a")

    assert counts.get("a") == 10_001
    assert counts.get(0) == 0


# Answers.


class Tape:
    """Plays each reply once."""

    def __init__(self, *replies: Reply) -> None:
        self.played = 0
        self._replies = replies

    def __call__(self) -> Reply:
        self.played += 1
        return self._replies[self.played - 1]


def test_an_error_needs_no_recording() -> None:
    tape = Tape(whole())
    book = Book(read_faults("overloaded:times=2"))

    statuses = [book.answer(attempt(), tape).status for _ in range(3)]

    assert (statuses, tape.played) == ([529, 529, 200], 1)


def test_what_a_fault_spoiled_is_what_the_next_attempt_gets() -> None:
    tape = Tape(stream(), whole())
    book = Book(read_faults("cut:times=2"))

    replies = [book.answer(attempt(), tape) for _ in range(4 - 1)]
    another = book.answer(attempt(), tape)

    assert [reply == stream() for reply in replies] == [False, False, True]
    assert (another, tape.played) == (whole(), 2)


def test_what_was_spoiled_is_nobody_elses() -> None:
    tape = Tape(stream(), whole(), whole(), whole())
    book = Book(read_faults("cut:nth=1"))
    book.answer(attempt(1, session="a"), tape)

    others = [book.answer(attempt(2, session="a"), tape), book.answer(attempt(1, session="b"), tape)]

    assert [reply.streamed for reply in others] == [False, False]
    book.forget("a")
    assert not book.answer(attempt(1, session="a"), tape).streamed


def test_a_reply_that_a_fault_leaves_whole_is_used_up() -> None:
    tape = Tape(stream(), whole())
    book = Book(read_faults("truncated:nth=1"))

    first, second = (book.answer(attempt(), tape) for _ in range(2))

    assert (first.streamed, second, tape.played) == (True, whole(), 2)


def test_a_refusal_of_whoever_plays_is_not_kept() -> None:
    missed = whole({"type": "error"})
    missed.status = 404
    tape = Tape(missed, whole())
    book = Book(read_faults("cut:times=1"))
    book.answer(attempt(), tape)

    assert book.answer(attempt(), tape) == whole()


def test_spoiled_replies_are_bounded() -> None:
    book = Book(read_faults("cut"))
    for number in range(1000):
        book.answer(attempt(number), whole)

    assert len(book._spoiled) <= 256


def test_each_attempt_has_a_request_id_of_its_own_and_every_run_the_same() -> None:
    def ids() -> list[str]:
        book = Book(read_faults("overloaded"))
        return [dict(book.answer(each, whole).headers)["request-id"] for each in (*SAME, attempt(1))]

    assert len(set(ids())) == 6
    assert ids() == ids()
