"""Body framing: the end is found to the byte, in any segmentation, and garbage is refused."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.raw_http import cut

from tokentape.proxy.http1.errors import ProtocolError
from tokentape.proxy.http1.framing import Body, ChunkedReader, response_body

if TYPE_CHECKING:
    from collections.abc import Sequence

parts = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
sizes = st.sampled_from([b"%x", b"%X", b"00%x", b"%x  ", b"%x;name=value", b'%x ;a="b;c"', b"%x;\xe9"])
trailers = st.lists(
    st.sampled_from([b"X-Checksum: abc\r\n", b"x:\r\n", b"Y: \xe9\xff\r\n", b"Expires: 0\r\n"]), max_size=3
)
REFUSED = (400, "chunked_framing")
cuts = st.lists(st.integers(0, 10_000), max_size=12)


def framed(pieces: Sequence[bytes], size: bytes, trailer: Sequence[bytes]) -> bytes:
    body = b"".join(size.replace(b"%", b"%", 1) % len(piece) + b"\r\n" + piece + b"\r\n" for piece in pieces)
    return body + size % 0 + b"\r\n" + b"".join(trailer) + b"\r\n"


def read(segments: Sequence[bytes]) -> tuple[bytes, int, bool]:
    """Payload, bytes that belong to the message, and whether it ended."""
    reader = ChunkedReader()
    payload, used = b"", 0
    for segment in segments:
        pieces, taken = reader.feed(segment)
        payload += b"".join(pieces)
        used += taken
        assert all(pieces), "no empty piece"
        if reader.done:
            break
        assert taken == len(segment)
    return payload, used, reader.done


def outcome(segments: Sequence[bytes]) -> tuple[bytes, int, bool] | tuple[int, str]:
    try:
        return read(segments)
    except ProtocolError as error:
        return error.status, error.code


@given(parts, sizes, trailers, st.binary(max_size=20), cuts)
def test_any_segmentation_gives_the_payload_and_the_exact_end(
    pieces: list[bytes], size: bytes, trailer: list[bytes], behind: bytes, places: list[int]
) -> None:
    raw = framed(pieces, size, trailer)
    assert read(cut(raw + behind, places)) == (b"".join(pieces), len(raw), True)


@given(parts, sizes, trailers)
def test_every_byte_counts(pieces: list[bytes], size: bytes, trailer: list[bytes]) -> None:
    """Short of its last byte a message is not done, and one byte at a time it is."""
    raw = framed(pieces, size, trailer)
    assert read(cut(raw, range(len(raw)))) == (b"".join(pieces), len(raw), True)
    assert read([raw[:-1]]) == (b"".join(pieces), len(raw) - 1, False)


@given(st.binary(max_size=100), cuts)
def test_noise_is_refused_or_unfinished_in_any_segmentation(noise: bytes, places: list[int]) -> None:
    assert outcome(cut(noise, places)) == outcome([noise])


@given(parts, sizes, trailers, st.integers(0, 500), st.binary(max_size=3), cuts)
def test_a_damaged_message_has_one_outcome_however_it_is_cut(
    pieces: list[bytes], size: bytes, trailer: list[bytes], place: int, patch: bytes, places: list[int]
) -> None:
    raw = framed(pieces, size, trailer)
    place %= len(raw)
    damaged = raw[:place] + patch + raw[place + 1 :]
    assert outcome(cut(damaged, places)) == outcome([damaged])


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n",
        b"g\r\n",
        b"0x5\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"+5\r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"5_0\r\n",
        b"5\nhello\n",
        b"5\rx\nhello",
        b"5;a\rb\r\nhello\r\n",
        b"5;a\x00b\r\nhello\r\n",
        b";a=b\r\n",
        b"5\r\nhello!\r\n",
        b"5\r\nhell\r\n0\r\n\r\n",
        b"5\r\nhello\n",
        b"5\r\nhello\rx",
        b"0" * 15 + b"5\r\nhello\r\n",
        b"f" * 16 + b"\r\n",
        b"5;" + b"x" * 300 + b"\r\nhello\r\n",
        b"5;" + b"x" * 300,
        b"0\r\n\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n: no name\r\n\r\n",
        b"0\r\nX: y\r\n folded\r\n\r\n",
        b"0\r\nX: a\rb\r\n\r\n",
        b"0\r\nX: a\x00b\r\n\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\nX: " + b"y" * 17_000 + b"\r\n\r\n",
        b"0\r\n" + b"X: y\r\n" * 3_000 + b"\r\n",
        b"0\r\n" + b"y" * 17_000,
    ],
)
def test_malformed_framing_is_refused_whole_and_byte_by_byte(raw: bytes) -> None:
    assert outcome([raw]) == REFUSED
    assert outcome(cut(raw, range(len(raw)))) == REFUSED


def test_a_huge_chunk_is_followed_without_being_held() -> None:
    reader = ChunkedReader()
    assert reader.feed(b"fffffffff\r\n") == ([], 11)
    assert reader.feed(b"x" * 1000) == ([b"x" * 1000], 1000)
    assert not reader.done


@pytest.mark.parametrize(
    ("method", "status", "coding", "length", "expected"),
    [
        *((b"HEAD", 200, coding, length, Body.NONE) for coding, length in [(b"chunked", -1), (b"", 5)]),
        *((b"GET", status, b"", 5, Body.NONE) for status in (100, 103, 204, 304)),
        (b"GET", 200, b"chunked", -1, Body.CHUNKED),
        (b"GET", 200, b"gzip", -1, Body.EOF),
        (b"GET", 200, b"", 5, Body.LENGTH),
        (b"GET", 200, b"", 0, Body.NONE),
        (b"GET", 200, b"", -1, Body.EOF),
        (b"GET", 205, b"", 0, Body.NONE),
        (b"POST", 404, b"", -1, Body.EOF),
    ],
)
def test_where_a_reply_ends(method: bytes, status: int, coding: bytes, length: int, expected: Body) -> None:
    got = response_body(method=method, status=status, transfer_encoding=coding, content_length=length)
    assert got == expected


def test_every_combination_has_an_answer() -> None:
    """RFC 9112, section 6.3, leaves none open."""
    for method, status, coding, length in product(
        (b"GET", b"HEAD"), (100, 200, 204, 304, 500), (b"", b"chunked", b"gzip"), (-1, 0, 5)
    ):
        got = response_body(method=method, status=status, transfer_encoding=coding, content_length=length)
        assert got in Body
