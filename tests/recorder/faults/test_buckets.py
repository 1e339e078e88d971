"""Limits: token buckets under a clock of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.recorder.faults.recorded import MESSAGE, USAGE, attempt, stream, whole

from tokentape.recorder.faults import limits, overloaded
from tokentape.recorder.faults.book import Book
from tokentape.recorder.faults.buckets import Bucket

if TYPE_CHECKING:
    from tokentape.recorder.wire.reply import Reply

WALL = 1_800_000_000.0


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(book: Book, session: str = "", reply: Reply | None = None) -> tuple[int, dict[str, str]]:
    """Status and limits of a reply."""
    answer = book.answer(
        replace(attempt(session=session), wall=WALL, body=b"x" * 400), lambda: reply or whole()
    )
    kept = ("anthropic-ratelimit-", "retry-after")
    headers = {name.removeprefix(kept[0]): value for name, value in answer.headers if name.startswith(kept)}
    return answer.status, headers


def spending(tokens: int, *, output: int = 0) -> Reply:
    """A reply that says so much was spent."""
    usage = USAGE | {"input_tokens": tokens, "cache_creation_input_tokens": 0, "output_tokens": output}
    return whole(MESSAGE | {"usage": usage})


def test_requests_are_let_in_until_the_bucket_is_empty_and_again_when_time_has_passed() -> None:
    clock = Clock()
    book = Book([limits(rpm=2)], clock=clock)

    first, second, third = (asked(book) for _ in range(3))
    clock.now = 30.0
    fourth = asked(book)

    assert first == (
        200,
        {"requests-limit": "2", "requests-remaining": "1", "requests-reset": "2027-01-15T08:00:30Z"},
    )
    assert second[1]["requests-remaining"] == "0"
    assert third == (
        429,
        {
            "retry-after": "30",
            "requests-limit": "2",
            "requests-remaining": "0",
            "requests-reset": "2027-01-15T08:01:00Z",
        },
    )
    assert fourth[0] == 200


def test_a_client_that_waits_as_told_is_let_in() -> None:
    clock = Clock()
    book = Book([limits(rpm=7, tpm=5000)], clock=clock)
    for _ in range(40):
        status, headers = asked(book, reply=spending(900, output=50))
        if status == 429:
            clock.now += int(headers["retry-after"])
            status, _ = asked(book, reply=spending(900, output=50))
        assert status == 200


def test_tokens_are_counted_as_the_reply_says_they_were_spent() -> None:
    book = Book([limits(tpm=10_000, itpm=9_000, otpm=2_000)], clock=Clock())

    _, told = asked(book, reply=spending(4_000, output=1_000))

    assert {name: value for name, value in told.items() if not name.endswith("reset")} == {
        "tokens-limit": "10000",
        "tokens-remaining": "5000",
        "input-tokens-limit": "9000",
        "input-tokens-remaining": "5000",
        "output-tokens-limit": "2000",
        "output-tokens-remaining": "1000",
    }


def test_a_stream_is_counted_too() -> None:
    book = Book([limits(otpm=21)], clock=Clock())

    assert [asked(book, reply=stream())[0] for _ in range(3)] == [200, 200, 429]


def test_the_error_names_the_limit_that_keeps_one_waiting_longest() -> None:
    book = Book([limits(rpm=60, otpm=100)], clock=Clock())
    asked(book, reply=spending(0, output=5_000))

    answer = book.answer(attempt(), whole)

    assert b"rate limit of 100 output tokens per minute" in answer.body.data[0]


def test_a_request_over_the_whole_limit_is_never_let_in() -> None:
    clock = Clock()
    book = Book([limits(itpm=50)], clock=clock)

    for _ in range(3):
        status, headers = asked(book)
        assert (status, int(headers["retry-after"]) >= 1) == (429, True)
        clock.now += 1000


def test_sessions_have_buckets_of_their_own_and_can_begin_anew() -> None:
    book = Book([limits(rpm=1)], clock=Clock())

    assert [asked(book, session)[0] for session in ("a", "b", "a")] == [200, 200, 429]
    book.forget("a")
    assert [asked(book, session)[0] for session in ("a", "b")] == [200, 429]


def test_recorded_headers_of_limits_are_replaced() -> None:
    recorded = whole()
    recorded.headers = [*recorded.headers, ("Anthropic-RateLimit-Tokens-Limit", "1"), ("via", "x")]
    book = Book([limits(rpm=5)], clock=Clock())

    answer = book.answer(attempt(), lambda: recorded)

    assert [name for name, _ in answer.headers] == [
        "content-type",
        "request-id",
        "via",
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ]


def test_a_request_that_another_fault_strikes_takes_nothing() -> None:
    book = Book([overloaded(times=1), limits(rpm=1)], clock=Clock())

    assert [asked(book)[0] for _ in range(3)] == [529, 200, 429]


@given(
    st.integers(1, 1000),
    st.lists(st.tuples(st.floats(0, 100), st.integers(-50, 500)), max_size=30),
)
def test_a_bucket_never_holds_more_than_a_minute_brings(limit: int, takes: list[tuple[float, int]]) -> None:
    bucket, now = Bucket(limit, 0.0), 0.0
    for seconds, count in takes:
        now += seconds
        assert bucket.take(count, now) <= limit
        wait = bucket.wait(1, now)
        assert bucket.left(now) + wait * limit / 60 >= min(1, limit) - 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(60, 100.0)
    bucket.take(60, 100.0)

    assert bucket.left(50.0) == 0
    assert bucket.left(101.0) == pytest.approx(1)
