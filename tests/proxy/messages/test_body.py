"""Bodies that are kept for later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.body import Body


def test_a_body_within_its_limit_comes_back_whole_and_once() -> None:
    body = Body(10)
    body.add(b"hello")
    body.add(b"world")
    assert (body.size, body.whole) == (10, True)
    assert (body.take(), body.take()) == (b"helloworld", b"")


def test_of_a_larger_body_only_the_start_is_kept() -> None:
    body = Body(10, start=3)
    for _ in range(100):
        body.add(b"hello")
    assert (body.size, body.whole, body.take()) == (500, False, b"hel")


def test_a_body_without_a_limit_to_keep_only_counts() -> None:
    body = Body(0)
    body.add(b"hello")
    assert (body.size, body.take()) == (5, b"")


@given(st.lists(st.binary()), st.integers(0, 20), st.integers(0, 20))
def test_it_never_keeps_more_than_its_limit(chunks: list[bytes], limit: int, start: int) -> None:
    start = min(start, limit)
    body = Body(limit, start)
    for chunk in chunks:
        body.add(chunk)
    data = b"".join(chunks)
    assert body.size == len(data)
    assert body.take() == (data if len(data) <= limit else data[:start])


def test_a_large_json_body_is_kept_without_its_long_strings() -> None:
    body = Body(100_000, elide_from=50_000)
    body.add(b'{"model":"m","data":"')
    for _ in range(100):
        body.add(b"QUJD" * 5_000)
    body.add(b'"}')
    assert body.size == 2_000_023
    assert body.whole
    assert body.take().startswith(b'{"model":"m","data":"elided:')


def test_a_body_that_stays_small_keeps_its_long_strings() -> None:
    body = Body(100_000, elide_from=50_000)
    text = b'"%b"' % (b"x" * 40_000)
    body.add(text)
    assert body.take() == text
