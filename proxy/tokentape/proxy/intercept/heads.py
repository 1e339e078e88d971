"""Heads as HTTP/1.1 bytes, whatever the client and the upstream speak. Pure.

HTTP/2 has no head as bytes; the observer reads one kind only (RFC 9113, section 8.3, says what the
pseudo-headers stand for).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_HOPS: Final = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"})
"""RFC 9110, section 7.6.1: about one connection. Framing stays, as in the relay's frames."""


def request_head(method: bytes, target: bytes, host: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of a request; `host` is written where no field names one."""
    kept = _end_to_end(fields)
    if not any(name.lower() == b"host" for name, _ in kept):
        kept.insert(0, (b"Host", host))
    return _head(b" ".join((method, target, b"HTTP/1.1")), kept)


def response_head(status: int, reason: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of a reply."""
    return _head(b"HTTP/1.1 %d %s" % (status, reason), _end_to_end(fields))


def _end_to_end(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in fields if name.lower() not in _HOPS]


def _head(start: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    lines = (b"%s: %s\r\n" % field for field in fields)
    return b"".join((start, b"\r\n", *lines, b"\r\n"))
