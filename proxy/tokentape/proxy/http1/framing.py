"""Where a body ends (RFC 9112, section 6), decided without touching its bytes."""

from __future__ import annotations

import enum
import re
from typing import Final

from tokentape.proxy.http1.errors import ProtocolError

_SIZE_LINE_LIMIT: Final = 256
"""Bytes of a chunk-size line, extensions included; nothing real comes near."""
_TRAILER_LIMIT: Final = 16 * 1024
_PLAIN_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,8})\r\n").match
# RFC 9112, section 7.1; no control character passes, since another reader might end a line at it.
_SIZE_LINE: Final = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n").fullmatch
_TRAILER_LINE: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n").fullmatch


class Body(enum.IntEnum):
    """How the end of a body is marked."""

    NONE = 0
    LENGTH = 1
    CHUNKED = 2
    EOF = 3
    """It ends with the connection; replies only."""


def response_body(*, method: bytes, status: int, transfer_encoding: bytes, content_length: int) -> Body:
    """How a reply's body ends (RFC 9112, section 6.3). `content_length` is -1 where there is none."""
    if method == b"HEAD" or status == 204 or status == 304 or status < 200:  # noqa: PLR1714 - hot
        return Body.NONE
    if transfer_encoding:
        return Body.CHUNKED if transfer_encoding == b"chunked" else Body.EOF
    if content_length > 0:
        return Body.LENGTH
    return Body.NONE if content_length == 0 else Body.EOF


class ChunkedReader:
    """Follows chunked framing through any segmentation, to find its end and its payload.

    The caller forwards the raw bytes; the payload slices are for whoever wants to understand them.
    """

    __slots__ = ("_line", "_remaining", "_trailer_bytes", "done")

    # Values of _remaining that stand for a place between payloads.
    _SIZE_LINE = -1
    _TRAILER = -2

    def __init__(self) -> None:
        self._line = b""
        self._remaining = self._SIZE_LINE
        self._trailer_bytes = 0
        self.done = False
        """The last byte of the message has been fed."""

    def feed(self, data: bytes) -> tuple[list[bytes], int]:
        """Read on; return the payload pieces and how many bytes of `data` belong to this message.

        Raises:
            ProtocolError: this is no chunked framing.
        """
        pieces: list[bytes] = []
        position, size = 0, len(data)
        while position < size and not self.done:
            remaining = self._remaining
            if remaining == -1 and not self._line:
                # The usual case, a whole chunk at once: upstreams send one an event.
                found = _PLAIN_SIZE(data, position)
                if found is not None:
                    start = found.end()
                    end = start + int(found[1], 16)
                    if end + 2 <= size and end > start:
                        if data[end : end + 2] != b"\r\n":
                            raise _broken("a chunk is longer than its size")
                        pieces.append(data[start:end])
                        position = end + 2
                        continue
            if remaining > 2:
                # Payload and its CRLF; the last two bytes of the count are the CRLF.
                piece = data[position : position + remaining - 2]
                pieces.append(piece)
                position += len(piece)
                self._remaining = remaining - len(piece)
            elif remaining > 0:
                position = self._closing_crlf(data, position)
            else:
                position = self._line_end(data, position)
        return pieces, position

    def _closing_crlf(self, data: bytes, position: int) -> int:
        expected = b"\r\n"[-self._remaining :]
        got = data[position : position + self._remaining]
        if expected[: len(got)] != got:
            raise _broken("a chunk is longer than its size")
        self._remaining -= len(got)
        if not self._remaining:
            self._remaining = self._SIZE_LINE
        return position + len(got)

    def _line_end(self, data: bytes, position: int) -> int:
        """Read a size or trailer line that may have begun in an earlier piece."""
        end = data.find(b"\n", position)
        if end < 0:
            self._line += data[position:]
            self._check_line(self._line)
            return len(data)
        line = self._line + data[position : end + 1]
        self._line = b""
        self._check_line(line)
        if not line.endswith(b"\r\n"):
            raise _broken("a line ends without CR")
        if self._remaining == self._SIZE_LINE:
            self._size_line(line)
        else:
            self._trailer_line(line)
        return end + 1

    def _check_line(self, line: bytes) -> None:
        limit = _SIZE_LINE_LIMIT if self._remaining == self._SIZE_LINE else _TRAILER_LIMIT
        if len(line) > limit:
            raise _broken("a line is too long")

    def _size_line(self, line: bytes) -> None:
        found = _SIZE_LINE(line)
        if found is None:
            raise _broken("a chunk size is not hexadecimal")
        size = int(found[1], 16)
        self._remaining = size + 2 if size else self._TRAILER

    def _trailer_line(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if self._trailer_bytes > _TRAILER_LIMIT:
            raise _broken("the trailers are too long")
        if line == b"\r\n":
            self.done = True
        elif _TRAILER_LINE(line) is None:
            raise _broken("a trailer line is no header")


def _broken(detail: str) -> ProtocolError:
    return ProtocolError(400, "chunked_framing", f"The chunked body is malformed: {detail}.")
