"""A head that was judged once is not judged again, and none that was not passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.http1.errors import ProtocolError
from tokentape.proxy.http1.heads import RequestHead, RequestHeadReader
from tokentape.proxy.http1.memory import HeadMemory

HEAD = (
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: %b\r\n"
    b"Connection: keep-alive\r\nAuthorization: Bearer x\r\n\r\n"
)


def judged(raw: bytes) -> RequestHead:
    reader = RequestHeadReader()
    assert reader.feed(raw) == len(raw)
    return reader.head()


def as_values(head: RequestHead | None) -> dict[str, object] | None:
    return None if head is None else {name: getattr(head, name) for name in RequestHead.__slots__}


@given(st.integers(0, 10**17), st.integers(0, 10**17))
def test_a_head_that_differs_in_its_length_alone_equals_one_that_was_judged(before: int, now: int) -> None:
    memory = HeadMemory()
    memory.keep(judged(HEAD % b"%d" % before))
    raw = HEAD % b"%d" % now
    assert as_values(memory.recall(raw)) == as_values(judged(raw))


@pytest.mark.parametrize("length", [b"", b"-1", b"+1", b"1 1", b"0x1", b"1,1", b"1" * 19, b"1\r\n 2"])
def test_a_length_that_is_no_plain_number_is_left_to_the_judge(length: bytes) -> None:
    memory = HeadMemory()
    memory.keep(judged(HEAD % b"5"))
    assert memory.recall(HEAD % length) is None


@pytest.mark.parametrize(
    "raw",
    [
        (HEAD % b"5").replace(b"Bearer x", b"Bearer y"),
        (HEAD % b"5").replace(b"Host: a\r\n", b"Host: a\r\nHost: a\r\n"),
        (HEAD % b"5").replace(b"Host: a\r\n", b"Host: a\r\nContent-Length: 5\r\n"),
        (HEAD % b"5").replace(b"Host: a\r\n", b"Host: a\r\nTransfer-Encoding: chunked\r\n"),
        (HEAD % b"5").replace(b"POST", b"PUT"),
        (HEAD % b"5").replace(b"\r\nContent-Length: 5", b""),
    ],
)
def test_any_other_difference_is_left_to_the_judge(raw: bytes) -> None:
    memory = HeadMemory()
    memory.keep(judged(HEAD % b"5"))
    assert memory.recall(raw) is None


@given(st.binary(max_size=60), st.integers(0, 150))
def test_what_is_recalled_the_judge_would_have_passed(noise: bytes, place: int) -> None:
    memory = HeadMemory()
    memory.keep(judged(HEAD % b"5"))
    raw = (HEAD % b"7")[:place] + noise + (HEAD % b"7")[place:]
    raw = raw[: raw.find(b"\r\n\r\n") + 4]
    recalled = memory.recall(raw)
    if recalled is not None:
        try:
            assert as_values(recalled) == as_values(judged(raw))
        except ProtocolError as error:  # pragma: no cover - that would be the bug
            raise AssertionError(raw) from error


@given(st.permutations([b"Host: a", b"Connection: keep-alive", b"X: y", b"TE: z"]), st.integers(0, 4))
def test_the_same_headers_in_another_order_are_the_same_only_where_the_noted_ones_stay(
    others: list[bytes], place: int
) -> None:
    """What is noted is cut out of the bytes by its place: a wrong place would forward another request."""

    def head(lines: list[bytes], place: int, length: bytes) -> bytes:
        lines = [*lines[:place], b"Content-Length: " + length, *lines[place:]]
        return b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""])

    memory = HeadMemory()
    memory.keep(judged(head(others, 1, b"5")))
    raw = head(others, place, b"77")
    assert as_values(memory.recall(raw)) == (as_values(judged(raw)) if place == 1 else None)


def test_it_is_bounded_and_forgets_the_oldest() -> None:
    memory = HeadMemory()
    for number in range(300):
        memory.keep(judged((HEAD % b"5").replace(b"Bearer x", b"Bearer %d" % number)))
    assert memory.recall((HEAD % b"6").replace(b"Bearer x", b"Bearer 0")) is None
    assert memory.recall((HEAD % b"6").replace(b"Bearer x", b"Bearer 299")) is not None


def test_a_head_with_a_trace_context_is_not_kept() -> None:
    memory = HeadMemory()
    raw = (HEAD % b"5").replace(b"Host", b"traceparent: 00-0-0-0\r\nHost")
    memory.keep(judged(raw))
    assert memory.recall(raw) is None
