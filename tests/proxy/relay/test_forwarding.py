"""Forwarded heads: only hop-by-hop headers, Host and our own labels change, and nothing else by a byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.http1.heads import RequestHeadReader, ResponseHeadReader
from tokentape.proxy.relay.forwarding import request_head, response_head, take_label_segment

if TYPE_CHECKING:
    from tokentape.proxy.http1.heads import RequestHead, ResponseHead

HOST = b"api.test:8443"
REQUEST_HOP = [b"Connection", b"keep-alive", b"Proxy-Connection", b"TE", b"Upgrade", b"PROXY-Authorization"]
RESPONSE_HOP = [b"connection", b"Keep-Alive", b"Proxy-Connection", b"upgrade", b"Proxy-Authenticate"]
VCHARS = bytes([*range(0x21, 0x7F), *range(0x80, 0x100)])

FREE_NAMES = [
    *(b"X-API-Key", b"authorization", b"Accept", b"aCCept", b"anthropic-beta", b"X-Hop", b"Hosting", b"X-Te"),
    *(b"Connection-Id", b"Content-Length-Hint", b"x-tokentape-label", b"traceparent", b"Trailer"),
]
GAPS = [b"", b" ", b"\t ", b"   "]


@st.composite
def free_line(draw: st.DrawFn) -> bytes:
    """A header that is nobody's business, with any blanks around any value."""
    value = bytes(draw(st.lists(st.sampled_from(VCHARS), max_size=12)))
    name, before, after = (draw(st.sampled_from(choice)) for choice in (FREE_NAMES, GAPS, GAPS))
    return name + b":" + before + value + after


def request(
    lines: list[bytes], version: bytes = b"1.1", start: bytes = b"POST /v1/messages HTTP/"
) -> RequestHead:
    reader = RequestHeadReader()
    raw = b"\r\n".join([start + version, *lines, b"", b""])
    assert reader.feed(raw) == len(raw)
    return reader.head()


def response(lines: list[bytes], start: bytes = b"HTTP/1.1 200 OK") -> ResponseHead:
    reader = ResponseHeadReader()
    raw = b"\r\n".join([start, *lines, b"", b""])
    assert reader.feed(raw) == len(raw)
    return reader.head()


def name_of(text: bytes) -> bytes:
    return text.partition(b":")[0].lower()


@st.composite
def request_lines(draw: st.DrawFn) -> list[bytes]:
    """Free lines, one Host, some hop-by-hop headers and labels, in any order."""
    lines = draw(st.lists(free_line(), max_size=8))
    lines.append(draw(st.sampled_from([b"Host: a", b"hOST:a", b"HOST:  a.test:80 "])))
    hop = st.sampled_from(REQUEST_HOP)
    lines += [
        name + b": " + draw(st.sampled_from([b"x", b"keep-alive", b"X-Hop", b"x-hop, Host, Content-Length"]))
        for name in draw(st.lists(hop, max_size=3))
    ]
    labels = st.sampled_from([b"x-tokentape-labels: team=a", b"X-TOKENTAPE-LABELS:user=b "])
    lines += draw(st.lists(labels, max_size=2))
    lines += draw(st.lists(st.just(b"Content-Length: 5"), max_size=1))
    return draw(st.permutations(lines))


@given(request_lines())
def test_a_request_changes_in_nothing_else(lines: list[bytes]) -> None:
    """The model is a filter over lines."""
    connection = b",".join(
        text.partition(b":")[2].lower() for text in lines if name_of(text) == b"connection"
    )
    listed = {token.strip() for token in connection.split(b",")} - {b"host", b"content-length", b"trailer"}
    dropped = {name.lower() for name in REQUEST_HOP} | listed | {b"x-tokentape-labels"}
    kept = [text for text in lines if name_of(text) not in dropped]
    expected = [text[:4] + b": " + HOST if name_of(text) == b"host" else text for text in kept]
    labels = [text.partition(b":")[2].strip() for text in lines if name_of(text) == b"x-tokentape-labels"]
    assert request_head(request(lines), b"/base/v1", HOST) == (
        b"\r\n".join([b"POST /base/v1 HTTP/1.1", *expected, b"", b""]),
        b",".join(labels),
    )


@st.composite
def response_lines(draw: st.DrawFn) -> list[bytes]:
    lines = draw(st.lists(free_line(), max_size=8))
    hop = st.sampled_from(RESPONSE_HOP)
    lines += [
        name + b": " + draw(st.sampled_from([b"x", b"close", b"X-Hop, close"]))
        for name in draw(st.lists(hop, max_size=3))
    ]
    lines += draw(st.sampled_from([[], [b"content-length: 5"], [b"Transfer-Encoding: chunked"]]))
    return draw(st.permutations(lines))


@given(response_lines(), st.booleans())
def test_a_reply_changes_in_nothing_else(lines: list[bytes], close: bool) -> None:  # noqa: FBT001 - drawn
    connection = b",".join(
        text.partition(b":")[2].lower() for text in lines if name_of(text) == b"connection"
    )
    listed = {token.strip() for token in connection.split(b",")} - {b"content-length", b"trailer"}
    dropped = {name.lower() for name in RESPONSE_HOP} | listed
    kept = [text for text in lines if name_of(text) not in dropped]
    ending = [b"Connection: close"] if close else []
    assert response_head(response(lines), close=close, plain=False) == b"\r\n".join(
        [b"HTTP/1.1 200 OK", *kept, *ending, b"", b""]
    )


def test_a_reply_without_hop_by_hop_headers_is_the_same_object() -> None:
    head = response(
        [b"content-type:  text/event-stream ", b"X-\xe9: no".replace(b"\xe9", b"e"), b"Y: \xff\xfe"]
    )
    assert response_head(head, close=False, plain=False) is head.raw


def test_chunked_framing_is_taken_off_for_http_1_0() -> None:
    head = response([b"A: 1", b"transfer-ENCODING: chunked", b"Trailer: X", b"B: 2"])
    expected = b"HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nConnection: close\r\n\r\n"
    assert response_head(head, close=True, plain=True) == expected


def test_the_status_line_keeps_its_reason_and_gets_our_version() -> None:
    head = response([b"A: 1"], b"HTTP/1.0 529 Site \xfcberladen")
    expected = b"HTTP/1.1 529 Site \xfcberladen\r\nA: 1\r\n\r\n"
    assert response_head(head, close=False, plain=False) == expected


def test_an_http_1_0_request_gets_a_host_and_our_version() -> None:
    forwarded, _ = request_head(request([b"A: 1", b"Connection: keep-alive", b"B: 2"], b"1.0"), b"/", HOST)
    head = request_of(forwarded)
    assert head.raw.startswith(b"POST / HTTP/1.1\r\n")
    assert sorted(head.headers) == [(b"A", b"1"), (b"B", b"2"), (b"Host", HOST)]


def request_of(raw: bytes) -> RequestHead:
    reader = RequestHeadReader()
    assert reader.feed(raw) == len(raw)
    return reader.head()


@pytest.mark.parametrize("name", [b"Content-Length", b"Transfer-Encoding", b"Host", b"Trailer"])
def test_connection_cannot_strip_what_frames_the_message(name: bytes) -> None:
    """RFC 9110, section 7.6.1, forbids to list them; obeying would change where the body ends."""
    value = {b"Content-Length": b"5", b"Transfer-Encoding": b"chunked", b"Host": b"a", b"Trailer": b"X"}[name]
    lines = [b"Connection: " + name, name + b": " + value]
    lines += [] if name == b"Host" else [b"Host: a"]
    forwarded, _ = request_head(request(lines), b"/", HOST)
    assert b"\r\n" + name + b": " in forwarded
    if name != b"Host":
        assert b"\r\n" + name + b": " in response_head(response([*lines[:2]]), close=False, plain=False)


@pytest.mark.parametrize(
    ("target", "labels", "rest"),
    [
        (b"/v1/messages", b"", b"/v1/messages"),
        (b"/@project=a/v1/messages?b=c", b"project=a", b"/v1/messages?b=c"),
        (b"/@project=a,team=b%20c/", b"project=a,team=b%20c", b"/"),
        (b"/@project=a", b"project=a", b"/"),
        (b"/@project=a?beta=true", b"project=a", b"/?beta=true"),
        (b"/@project=a?x=/y", b"project=a", b"/?x=/y"),
        (b"/@/v1", b"", b"/v1"),
        (b"/@", b"", b"/"),
        (b"/@a=b//v1", b"a=b", b"//v1"),
        (b"/@a=b/@cassette=c/v1", b"a=b", b"/@cassette=c/v1"),
        (b"//@a=b/v1", b"", b"//@a=b/v1"),
        (b"/v1/@a=b", b"", b"/v1/@a=b"),
        (b"/v1?x=/@a=b/", b"", b"/v1?x=/@a=b/"),
    ],
)
def test_the_first_label_segment_is_taken_and_only_that(target: bytes, labels: bytes, rest: bytes) -> None:
    assert take_label_segment(target) == (labels, rest)


@given(st.text("ab=,/@?%", max_size=20).map(lambda text: b"/" + text.encode()))
def test_a_target_stays_a_path_and_loses_nothing_but_the_segment(target: bytes) -> None:
    labels, rest = take_label_segment(target)
    assert rest.startswith(b"/")
    if not target.startswith(b"/@"):
        assert (labels, rest) == (b"", target)
    else:
        assert b"/" not in labels
        assert target in {b"/@" + labels + rest, b"/@" + labels + rest[1:]}
