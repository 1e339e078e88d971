"""Request and response heads: read by httptools, judged here.

A reader is fed bytes as they come, stops exactly behind the empty line, and never sees a body. That
keeps the parser's own idea of bodies (HEAD replies, replies that end with the connection, trailers,
interim responses) out of the way: `framing` decides those from the finished head.
"""

from __future__ import annotations

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

Headers = list[tuple[bytes, bytes]]


class RequestHead:
    """A finished request head.

    Attributes:
        method, target: as sent.
        modern: HTTP/1.1, as opposed to HTTP/1.0.
        headers: name and value as sent, in order.
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
        "headers",
        "keep_alive",
        "method",
        "modern",
        "target",
        "upgrade",
    )

    def __init__(self, method: bytes, target: bytes, *, modern: bool, headers: Headers) -> None:
        self.method = method
        self.target = target
        self.modern = modern
        self.headers = headers
        self.content_length = -1
        self.chunked = False
        self.connection: frozenset[bytes] = _NOTHING
        self.keep_alive = modern
        self.upgrade = b""


class ResponseHead:
    """A finished response head; attributes as in `RequestHead`.

    `transfer_encoding` is the last coding named, lower case, or empty.
    """

    __slots__ = (
        "connection",
        "content_length",
        "headers",
        "keep_alive",
        "modern",
        "raw",
        "status",
        "transfer_encoding",
    )

    def __init__(self, status: int, *, modern: bool, headers: Headers, raw: bytes) -> None:
        self.status = status
        self.modern = modern
        self.headers = headers
        self.raw = raw
        self.content_length = -1
        self.transfer_encoding = b""
        self.connection: frozenset[bytes] = _NOTHING
        self.keep_alive = modern


_NOTHING: Final[frozenset[bytes]] = frozenset()


class _Events:
    """What httptools calls back."""

    __slots__ = ("complete", "headers", "url")

    def __init__(self) -> None:
        self.headers: Headers = []
        self.url = b""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

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
        if not self._raw:
            # An empty line before a message is tolerated (RFC 9112, section 2.2).
            stripped = data.lstrip(b"\r\n")
            skipped = len(data) - len(stripped)
            data = stripped
            if not data:
                return None
        seen = len(self._raw)
        raw = self._raw + data if seen else data
        end = raw.find(_END, max(0, seen - 3))
        if end < 0:
            self._raw = raw
            self._parse(data)
            if len(raw) > self._limit:
                raise _too_large()
            return None
        used = end + 4 - seen
        if used + seen > self._limit:
            raise _too_large()
        self._raw = raw[: end + 4] if len(raw) != end + 4 else raw
        self._parse(data[:used] if used != len(data) else data)
        if not self._events.complete or len(self._events.headers) > HEADER_LIMIT:
            raise _too_large() if self._events.complete else _malformed("the head is incomplete")
        return skipped + used

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # judged from the headers
        except HttpParserError as error:
            raise _malformed(str(error)) from None


class RequestHeadReader(_HeadReader):
    """Reads one request head."""

    __slots__ = ()

    def __init__(self, limit: int = HEAD_LIMIT) -> None:
        super().__init__(HttpRequestParser, limit)

    def head(self) -> RequestHead:  # noqa: C901 - one pass over the headers, measured
        """The finished head.

        Raises:
            ProtocolError: it is ambiguous, so that another server could read it otherwise.
        """
        events, parser = self._events, self._parser
        assert isinstance(parser, HttpRequestParser)
        modern = _is_modern(parser.get_http_version())
        head = RequestHead(parser.get_method(), events.url, modern=modern, headers=events.headers)
        hosts = 0
        upgrade = b""
        for name, value in events.headers:
            size = len(name)
            # The names that matter, told apart by length first: most headers pass with one look-up.
            if size not in _REQUEST_SIZES:
                continue
            key = name.lower()
            if key == b"host":
                hosts += 1
            elif key == b"content-length":
                head.content_length = _length(value, head.content_length)
            elif key == b"connection":
                head.connection |= _tokens(value)
            elif key == b"transfer-encoding":
                if head.chunked or value.strip().lower() != b"chunked":
                    raise ProtocolError(
                        501, "transfer_encoding", "Only one Transfer-Encoding, chunked, can be carried."
                    )
                head.chunked = True
            elif key == b"upgrade":
                upgrade = value.lower()
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
        events, parser = self._events, self._parser
        assert isinstance(parser, HttpResponseParser)
        modern = _is_modern(parser.get_http_version())
        head = ResponseHead(parser.get_status_code(), modern=modern, headers=events.headers, raw=self._raw)
        for name, value in events.headers:
            if len(name) not in _RESPONSE_SIZES:
                continue
            key = name.lower()
            if key == b"content-length":
                head.content_length = _length(value, head.content_length)
            elif key == b"connection":
                head.connection |= _tokens(value)
            elif key == b"transfer-encoding":
                head.transfer_encoding = value.rpartition(b",")[2].strip().lower()
        if head.transfer_encoding and head.content_length >= 0:
            raise _malformed("both Content-Length and Transfer-Encoding")
        if head.connection:
            head.keep_alive = b"close" not in head.connection if modern else b"keep-alive" in head.connection
        return head


_REQUEST_SIZES: Final = frozenset(
    len(name) for name in (b"host", b"content-length", b"connection", b"transfer-encoding", b"upgrade")
)
_RESPONSE_SIZES: Final = frozenset(
    len(name) for name in (b"content-length", b"connection", b"transfer-encoding")
)


def _is_modern(version: str) -> bool:
    if version == "1.1":
        return True
    if version == "1.0":
        return False
    raise ProtocolError(505, "http_version", "Speak HTTP/1.1 to this port.")


def _judge_request(head: RequestHead, hosts: int) -> None:
    """Refuse what another server could read otherwise (RFC 9112, sections 3.2 and 6.3)."""
    if hosts > 1 or (head.modern and not hosts):
        raise ProtocolError(400, "host", "Send exactly one Host header.")
    if head.chunked and head.content_length >= 0:
        raise ProtocolError(400, "framing", "Send Content-Length or Transfer-Encoding, not both.")
    if head.chunked and not head.modern:
        raise ProtocolError(400, "framing", "Transfer-Encoding needs HTTP/1.1.")


def _length(value: bytes, before: int) -> int:
    text = value.strip()
    if not text or len(text) > 18 or not _DIGITS.issuperset(text):
        raise ProtocolError(400, "content_length", "Content-Length must be one plain number.")
    if before >= 0:
        raise ProtocolError(400, "content_length", "Send one Content-Length.")
    return int(text)


def _tokens(value: bytes) -> frozenset[bytes]:
    return frozenset(part.strip() for part in value.lower().split(b",")) - {b""}


def _malformed(detail: str) -> ProtocolError:
    return ProtocolError(400, "malformed", f"This is not HTTP/1.1 as RFC 9112 defines it ({detail}).")


def _too_large() -> ProtocolError:
    return ProtocolError(
        431,
        "head_too_large",
        f"The head is over {HEAD_LIMIT // 1024} KB or {HEADER_LIMIT} headers: send fewer or shorter headers.",
    )
