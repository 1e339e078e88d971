"""Request and response heads: judged by httptools, noted here, and otherwise left as the bytes they are.

A reader is fed bytes as they come, stops exactly behind the empty line, and never sees a body. That
keeps the parser's own idea of bodies (HEAD replies, replies that end with the connection, trailers,
interim responses) out of the way: `framing` decides those from the finished head.

httptools checks every byte of a head but is asked for no header: most of them only pass through. The
few that matter to a server or a proxy are found by one search, with their places, so that a proxy can
cut them out of the bytes as they came.
"""

from __future__ import annotations

import re
from typing import Final

from httptools import (
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
    HttpResponseParser,
)

from tokentape.proxy.http1.errors import ProtocolError

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of a head, request or status line included."""
HEADER_LIMIT: Final = 256
"""Header lines of a head."""

_END: Final = b"\r\n\r\n"
_DIGITS: Final = frozenset(b"0123456789")
_NOTHING: Final[frozenset[bytes]] = frozenset()

# Framing, and hop-by-hop headers of RFC 9110, section 7.6.1. The parser has refused folded lines and
# blanks before a colon, so a header begins behind CRLF and nowhere else.
_REQUEST_NOTED: Final = re.compile(
    rb"\r\n(host|con(?:tent-length|nection)|t(?:e|ransfer-encoding)|upgrade|keep-alive"
    rb"|proxy-(?:connection|authorization)):([^\r\n]*)"
).finditer
_RESPONSE_NOTED: Final = re.compile(
    rb"\r\n(con(?:tent-length|nection)|transfer-encoding|upgrade|keep-alive"
    rb"|proxy-(?:connection|authenticate)):([^\r\n]*)"
).finditer

Headers = list[tuple[bytes, bytes]]


Noted = tuple[int, int, bytes, bytes]
"""A header that matters: where it stands in the raw head, from its CRLF to its value's end, and its
name and value in lower case. A bare tuple: naming the fields would cost more than finding them."""


class RequestHead:
    """A finished request head.

    Attributes:
        raw: the bytes as sent, empty line included.
        noted: the headers that matter to whoever carries this, in order, but for Content-Length.
        method, target: as sent.
        modern: HTTP/1.1, as opposed to HTTP/1.0.
        content_length: bytes, or -1 where there is no such header.
        chunked: the body has chunked framing.
        keep_alive: the connection may carry another request.
        upgrade: the protocols of an `Upgrade` header that `Connection` names, lower case.
        connection: names that the `Connection` header lists, lower case.
    """

    __slots__ = (
        "chunked",
        "connection",
        "content_length",
        "keep_alive",
        "method",
        "modern",
        "noted",
        "raw",
        "target",
        "upgrade",
    )

    def __init__(self, raw: bytes, method: bytes, target: bytes, *, modern: bool) -> None:
        self.raw = raw
        self.noted: list[Noted] = []
        self.method = method
        self.target = target
        self.modern = modern
        self.content_length = -1
        self.chunked = False
        self.connection = _NOTHING
        self.keep_alive = modern
        self.upgrade = b""

    @property
    def headers(self) -> Headers:
        """All headers, name and value as sent, in order. Made anew at each call."""
        return split_headers(self.raw)


class ResponseHead:
    """A finished response head; attributes as in `RequestHead`.

    `transfer_encoding` is the last coding named, lower case, or empty.
    """

    __slots__ = (
        "connection",
        "content_length",
        "keep_alive",
        "modern",
        "noted",
        "raw",
        "status",
        "transfer_encoding",
    )

    def __init__(self, raw: bytes, status: int, *, modern: bool) -> None:
        self.raw = raw
        self.noted: list[Noted] = []
        self.status = status
        self.modern = modern
        self.content_length = -1
        self.transfer_encoding = b""
        self.connection = _NOTHING
        self.keep_alive = modern

    @property
    def headers(self) -> Headers:
        """All headers, name and value as sent, in order. Made anew at each call."""
        return split_headers(self.raw)


def split_headers(raw: bytes) -> Headers:
    """The headers of a raw head that has been judged: name and value, in order."""
    headers: Headers = []
    for line in raw.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        headers.append((name, value.strip(b" \t")))
    return headers


class _Events:
    """What httptools calls back; without `on_header` it makes no objects of headers."""

    __slots__ = ("complete", "url")

    def __init__(self) -> None:
        self.url = b""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_headers_complete(self) -> None:
        self.complete = True


class _HeadReader:
    """Feeds a parser up to the empty line, however the bytes are cut."""

    __slots__ = ("_events", "_limit", "_parser", "_raw")

    def __init__(self, parser: type[HttpRequestParser | HttpResponseParser], limit: int) -> None:
        self._events = _Events()
        self._parser = parser(self._events)
        self._raw = b""
        self._limit = limit

    @property
    def started(self) -> bool:
        """A byte of the head has come."""
        return bool(self._raw)

    def feed(self, data: bytes) -> int | None:
        """Read on; return how many bytes of `data` belong to the head once it is complete.

        Raises:
            ProtocolError: this is no head, or too large a one.
        """
        skipped = 0
        seen = len(self._raw)
        if not seen and data[:1] in b"\r\n":
            # An empty line before a message is tolerated (RFC 9112, section 2.2).
            stripped = data.lstrip(b"\r\n")
            skipped = len(data) - len(stripped)
            data = stripped
            if not data:
                return None
        raw = self._raw + data if seen else data
        end = raw.find(_END, max(0, seen - 3))
        if end < 0:
            self._raw = raw
            self._parse(data)
            if len(raw) > self._limit:
                raise _too_large(self._limit)
            return None
        end += 4
        if end > self._limit:
            raise _too_large(self._limit)
        self._raw = raw = raw[:end]
        self._parse(raw[seen:])
        if not self._events.complete:
            # The one head that the parser leaves unfinished is HTTP/2's preface.
            raise _other_version()
        if raw.count(b"\r\n") > HEADER_LIMIT + 2:
            raise _too_large(self._limit)
        return skipped + end - seen

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # judged from the headers
        except HttpParserError as error:
            # Behind a complete head nothing can be wrong with it: the parser only stops at an upgrade.
            if not self._events.complete:
                raise _malformed(str(error)) from None


class RequestHeadReader(_HeadReader):
    """Reads one request head."""

    __slots__ = ()

    def __init__(self, limit: int = HEAD_LIMIT) -> None:
        super().__init__(HttpRequestParser, limit)

    def head(self) -> RequestHead:
        """The finished head.

        Raises:
            ProtocolError: it is ambiguous, so that another server could read it otherwise.
        """
        parser, raw = self._parser, self._raw
        assert isinstance(parser, HttpRequestParser)
        if b" HTTP/1." not in raw:
            raise _other_version()  # the parser takes RTSP and ICE too
        modern = _is_modern(parser.get_http_version())
        head = RequestHead(raw, parser.get_method(), self._events.url, modern=modern)
        hosts = 0
        upgrade = b""
        for match in _REQUEST_NOTED(raw.lower()):
            name, value = match.groups()
            value = value.strip(b" \t")
            if name == b"content-length":
                head.content_length = _length(value, head.content_length)
                continue
            head.noted.append((*match.span(), name, value))
            if name == b"host":
                hosts += 1
            elif name == b"connection":
                head.connection |= _tokens(value)
            elif name == b"transfer-encoding":
                _judge_coding(head, value)
                head.chunked = True
            elif name == b"upgrade":
                upgrade = value
        _judge_request(head, hosts)
        if head.connection:
            head.keep_alive = modern and b"close" not in head.connection
            if b"upgrade" in head.connection:
                head.upgrade = upgrade
        return head


class ResponseHeadReader(_HeadReader):
    """Reads one response head."""

    __slots__ = ()

    def __init__(self, limit: int = HEAD_LIMIT) -> None:
        super().__init__(HttpResponseParser, limit)

    def head(self) -> ResponseHead:
        """The finished head.

        Raises:
            ProtocolError: it is ambiguous.
        """
        parser, raw = self._parser, self._raw
        assert isinstance(parser, HttpResponseParser)
        modern = _is_modern(parser.get_http_version())
        status = parser.get_status_code()
        if status < 100:
            raise _malformed("a status is at least 100")
        head = ResponseHead(raw, status, modern=modern)
        for match in _RESPONSE_NOTED(raw.lower()):
            name, value = match.groups()
            value = value.strip(b" \t")
            head.noted.append((*match.span(), name, value))
            if name == b"content-length":
                head.content_length = _length(value, head.content_length)
            elif name == b"connection":
                head.connection |= _tokens(value)
            elif name == b"transfer-encoding":
                head.transfer_encoding = value.rpartition(b",")[2].strip(b" \t")
        if head.transfer_encoding and head.content_length >= 0:
            raise _malformed("both Content-Length and Transfer-Encoding")
        if head.connection:
            head.keep_alive = b"close" not in head.connection if modern else b"keep-alive" in head.connection
        return head


def _is_modern(version: str) -> bool:
    if version == "1.1":
        return True
    if version == "1.0":
        return False
    raise _other_version()


def _other_version() -> ProtocolError:
    return ProtocolError(505, "http_version", "Speak HTTP/1.1 to this port.")


def _judge_coding(head: RequestHead, value: bytes) -> None:
    if head.chunked or value != b"chunked":
        raise ProtocolError(400, "transfer_encoding", "Only one Transfer-Encoding, chunked, can be carried.")


def _judge_request(head: RequestHead, hosts: int) -> None:
    """Refuse what another server could read otherwise (RFC 9112, sections 3.2 and 6.3)."""
    if hosts > 1 or (head.modern and not hosts):
        raise ProtocolError(400, "host", "Send exactly one Host header.")
    if head.chunked and head.content_length >= 0:
        raise ProtocolError(400, "framing", "Send Content-Length or Transfer-Encoding, not both.")
    if head.chunked and not head.modern:
        raise ProtocolError(400, "framing", "Transfer-Encoding needs HTTP/1.1.")


def _length(text: bytes, before: int) -> int:
    if not text or len(text) > 18 or not _DIGITS.issuperset(text):
        raise ProtocolError(400, "content_length", "Content-Length must be one plain number.")
    if before >= 0:
        raise ProtocolError(400, "content_length", "Send one Content-Length.")
    return int(text)


def _tokens(value: bytes) -> frozenset[bytes]:
    known = _CONNECTIONS.get(value)
    if known is not None:
        return known
    return frozenset(part.strip() for part in value.split(b",")) - {b""}


_CONNECTIONS: Final = {b"keep-alive": frozenset({b"keep-alive"}), b"close": frozenset({b"close"})}


def _malformed(detail: str) -> ProtocolError:
    return ProtocolError(400, "malformed", f"This is not HTTP/1.1 as RFC 9112 defines it ({detail}).")


def _too_large(limit: int) -> ProtocolError:
    return ProtocolError(
        431,
        "head_too_large",
        f"The head is over {limit // 1024} KB or {HEADER_LIMIT} headers: send fewer or shorter headers.",
    )
