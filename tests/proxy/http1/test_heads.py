"""Heads: any segmentation reads like the whole, and what is ambiguous is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.raw_http import cut

from tokentape.proxy.http1.errors import ProtocolError
from tokentape.proxy.http1.heads import (
    HEAD_LIMIT,
    HEADER_LIMIT,
    RequestHead,
    RequestHeadReader,
    ResponseHead,
    ResponseHeadReader,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Reader = RequestHeadReader | ResponseHeadReader
Outcome = tuple[str, object]

TCHARS = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
VCHARS = bytes([*range(0x20, 0x7F), *range(0x80, 0x100), 0x09])

names = st.lists(st.sampled_from(TCHARS), min_size=1, max_size=24).map(bytes)
values = st.lists(st.sampled_from(VCHARS), max_size=24).map(bytes)
blanks = st.sampled_from([b"", b" ", b"\t", b"  "])
framing = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade"})
ordinary = st.tuples(names, values).filter(lambda pair: pair[0].lower() not in framing)
headers = st.lists(ordinary, max_size=8)
targets = st.text("abcXYZ019/-_.~!$&'()*+,;=:@%?", max_size=30).map(lambda text: b"/" + text.encode())
cuts = st.lists(st.integers(0, 10_000), max_size=12)

BROKEN = [
    (b"GET / HTTP/1.1\nHost: a\n\n\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\xe9: a\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n", 400, "malformed"),
    (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed"),
    (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed"),
    (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed"),
    (b"GET / HTTP/1.1\r\n\r\n", 400, "host"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400, "host"),
    (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, "host"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000000\r\n\r\n", 400, "content_length"),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "malformed",
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        400,
        "malformed",
    ),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400, "transfer_encoding"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", 400, "malformed"),
    (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "framing"),
    (b"GET /\r\n\r\n", 505, "http_version"),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "http_version"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version"),
    (b"OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n", 505, "http_version"),
    (b"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n", 505, "http_version"),
]


def read(reader: Reader, pieces: Sequence[bytes]) -> Outcome:
    """What comes of the pieces: an error, nothing yet, or the head and how far it reached."""
    before = 0
    try:
        for piece in pieces:
            used = reader.feed(piece)
            if used is not None:
                return "head", (before + used, attributes(reader.head()))
            before += len(piece)
    except ProtocolError as error:
        return "refused", (error.status, error.code)
    return "unfinished", None


def attributes(head: RequestHead | ResponseHead) -> dict[str, object]:
    return {name: getattr(head, name) for name in (*head.__slots__, "headers")}


def lines(pairs: list[tuple[bytes, bytes]], gap: bytes = b" ") -> bytes:
    return b"".join(name + b":" + gap + value + b"\r\n" for name, value in pairs)


@given(targets, headers, headers, blanks, cuts)
def test_a_request_reads_the_same_in_any_segmentation(
    target: bytes,
    before: list[tuple[bytes, bytes]],
    after: list[tuple[bytes, bytes]],
    gap: bytes,
    places: list[int],
) -> None:
    host = [(b"hOsT", b"api.test")]
    raw = b"POST " + target + b" HTTP/1.1\r\n" + lines([*before, *host, *after], gap) + b"\r\n"
    head = RequestHeadReader()
    assert head.feed(raw + b"the body") == len(raw)
    assert (head.head().method, head.head().target) == (b"POST", target)
    assert head.head().raw == raw
    stripped = [(name, value.strip(b" \t")) for name, value in [*before, *host, *after]]
    assert head.head().headers == stripped
    whole = read(RequestHeadReader(), [raw + b"the body"])
    assert whole[0] == "head"
    assert read(RequestHeadReader(), cut(raw + b"the body", places)) == whole


@example(101, b"", [], [])
@given(st.integers(100, 999), values, headers, cuts)
def test_a_reply_reads_the_same_in_any_segmentation(
    status: int, reason: bytes, pairs: list[tuple[bytes, bytes]], places: list[int]
) -> None:
    raw = b"HTTP/1.1 %d " % status + reason + b"\r\n" + lines(pairs) + b"\r\n"
    whole = read(ResponseHeadReader(), [raw + b"the body"])
    assert whole[0] == "head"
    assert read(ResponseHeadReader(), cut(raw + b"the body", places)) == whole


def test_one_byte_at_a_time_is_a_segmentation_too() -> None:
    raw = b"\r\n\r\nPOST /v1/messages?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    whole = read(RequestHeadReader(), [raw])
    assert whole[0] == "head"
    assert read(RequestHeadReader(), cut(raw, range(len(raw)))) == whole


@given(
    st.sampled_from([raw for raw, _, _ in BROKEN]),
    st.lists(st.tuples(st.integers(0, 500), st.binary(min_size=1, max_size=3)), max_size=3),
    cuts,
)
def test_broken_bytes_have_one_outcome_however_they_are_cut(
    raw: bytes, edits: list[tuple[int, bytes]], places: list[int]
) -> None:
    """And that outcome is a ProtocolError or a head, never another exception."""
    for place, patch in edits:
        place %= len(raw)  # noqa: PLW2901 - into the head
        raw = raw[:place] + patch + raw[place + 1 :]
    assert read(RequestHeadReader(), cut(raw, places)) == read(RequestHeadReader(), [raw])


@given(st.binary(max_size=200), cuts)
def test_noise_is_refused_or_unfinished(noise: bytes, places: list[int]) -> None:
    for reader in (RequestHeadReader, ResponseHeadReader):
        whole = read(reader(), [noise])
        assert whole[0] in {"refused", "unfinished"}
        assert read(reader(), cut(noise, places)) == whole


@pytest.mark.parametrize(("raw", "status", "code"), BROKEN)
def test_what_another_server_could_read_otherwise_is_refused(raw: bytes, status: int, code: str) -> None:
    assert read(RequestHeadReader(), [raw]) == ("refused", (status, code))


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\nX: a\n\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 099 Too small\r\n\r\n",
        b"HTTP/1.1 000 Zero\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_reply_that_could_be_read_otherwise_is_refused(raw: bytes) -> None:
    assert read(ResponseHeadReader(), [raw]) == ("refused", (400, "malformed"))


def test_bare_line_feeds_are_refused_before_the_head_is_complete() -> None:
    """Were they waited for, the bytes behind them would be read as part of the head."""
    assert read(RequestHeadReader(), [b"GET / HTTP/1.1\nHost: a\n\n"]) == ("refused", (400, "malformed"))


@pytest.mark.parametrize("reader", [RequestHeadReader, ResponseHeadReader])
def test_empty_lines_before_a_message_are_skipped(reader: type[Reader]) -> None:
    start = b"GET / HTTP/1.1\r\nHost: a" if reader is RequestHeadReader else b"HTTP/1.1 200 OK"
    empty = reader()
    assert empty.feed(b"\r\n") is None
    assert not empty.started
    assert empty.feed(b"\r\n" + start + b"\r\n\r\nrest") == len(start) + 6


def test_a_head_that_is_too_large_is_refused_whole_and_in_pieces() -> None:
    filler = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * HEAD_LIMIT
    refused = ("refused", (431, "head_too_large"))
    assert read(RequestHeadReader(), [filler]) == refused
    assert read(RequestHeadReader(), [filler + b"\r\n\r\n"]) == refused
    assert read(RequestHeadReader(), cut(filler, range(0, len(filler), 999))) == refused


def test_a_head_of_exactly_the_limit_is_read() -> None:
    raw = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    raw += b"x" * (HEAD_LIMIT - len(raw) - 4) + b"\r\n\r\n"
    assert read(RequestHeadReader(), [raw])[0] == "head"
    assert read(RequestHeadReader(), [raw[:-5], b"xx" + raw[-4:]])[0] == "refused"


def test_the_refusal_names_the_limit_in_force() -> None:
    with pytest.raises(ProtocolError, match="over 2 KB or 256 headers"):
        RequestHeadReader(2048).feed(b"GET / HTTP/1.1\r\nX: " + b"x" * 2048)


@pytest.mark.parametrize(("count", "outcome"), [(HEADER_LIMIT, "head"), (HEADER_LIMIT + 1, "refused")])
def test_headers_are_counted(count: int, outcome: str) -> None:
    raw = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (count - 1) + b"\r\n"
    assert read(RequestHeadReader(), [raw])[0] == outcome


def request(text: bytes, version: bytes = b"1.1") -> RequestHead:
    reader = RequestHeadReader()
    reader.feed(b"POST / HTTP/" + version + b"\r\nHost: a\r\n" + text + b"\r\n")
    return reader.head()


def test_what_a_request_says_of_its_body() -> None:
    assert (request(b"").content_length, request(b"").chunked) == (-1, False)
    assert request(b"content-LENGTH:  17 \r\n").content_length == 17
    assert request(b"Transfer-encoding: Chunked\r\n").chunked


def test_what_a_request_says_of_its_connection() -> None:
    assert request(b"").keep_alive
    assert not request(b"Connection: Close\r\n").keep_alive
    assert not request(b"Connection: x, CLOSE\r\n").keep_alive
    assert not request(b"Connection: x\r\nConnection: close\r\n").keep_alive
    assert not request(b"", b"1.0").keep_alive
    assert not request(b"Connection: keep-alive\r\n", b"1.0").keep_alive
    assert request(b"Connection: X-A , x-b\r\n").connection == {b"x-a", b"x-b"}


def test_an_upgrade_counts_only_where_connection_names_it() -> None:
    assert request(b"Upgrade: websocket\r\n").upgrade == b""
    assert request(b"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n").upgrade == b"websocket"
    assert request(b"Upgrade: h2c \r\nConnection: Upgrade\r\n").upgrade == b"h2c"


def response(text: bytes, version: bytes = b"1.1") -> ResponseHead:
    reader = ResponseHeadReader()
    reader.feed(b"HTTP/" + version + b" 200 OK\r\n" + text + b"\r\n")
    return reader.head()


def test_what_a_reply_says_of_its_body() -> None:
    assert (response(b"").content_length, response(b"").transfer_encoding) == (-1, b"")
    assert response(b"Content-Length: 5\r\n").content_length == 5
    assert response(b"Transfer-Encoding: gzip , CHUNKED\r\n").transfer_encoding == b"chunked"
    assert response(b"Transfer-Encoding: gzip\r\n").transfer_encoding == b"gzip"


def test_what_a_reply_says_of_its_connection() -> None:
    assert response(b"").keep_alive
    assert not response(b"Connection: close\r\n").keep_alive
    assert not response(b"", b"1.0").keep_alive
    assert response(b"Connection: Keep-Alive\r\n", b"1.0").keep_alive
