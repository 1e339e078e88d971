"""Shortens the long strings of a JSON text while it streams past, so that a large body needs little memory.

What makes a request large is base64 media and pasted documents: a few long strings. Their text says
nothing that request facts need, only whether it is the same as last time. So a string over the limit is
replaced by a mark with its checksum and length, and the rest of the text stays as it is: the result is
JSON of the same structure, in which equal strings stay equal.
"""

from __future__ import annotations

import zlib
from typing import Final

STRING_LIMIT: Final = 16 * 1024
"""Bytes of a string's JSON text, escapes included, that are kept; a longer string is replaced whole."""

_QUOTE: Final = b'"'


class Elider:
    """Feed it JSON text in any pieces; it gives back the shortened text as it goes."""

    __slots__ = ("_backslashes", "_checksum", "_held", "_inside", "_length")

    def __init__(self) -> None:
        self._inside = False
        self._held: list[bytes] = []
        """The current string, while it may still be short."""
        self._length = 0
        self._checksum = 0
        self._backslashes = 0
        """Backslashes in a row at the end of what has come of the current string."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what can be said of them."""
        out: list[bytes] = []
        position = 0
        while position < len(data):
            quote = data.find(_QUOTE, position)
            end = quote if quote >= 0 else len(data)
            if not self._inside:
                out.append(data[position : end + 1])
                self._inside = quote >= 0
            elif self._take(data[position:end], closed=quote >= 0):
                out.append(self._finish())
                out.append(_QUOTE)
            position = end + 1
        return b"".join(out)

    def _take(self, part: bytes, *, closed: bool) -> bool:
        """Take more of a string, up to a quote or the end of the data; say whether the string is over."""
        run = len(part) - len(part.rstrip(b"\\"))
        self._backslashes = run + self._backslashes if run == len(part) else run
        if not closed:
            self._hold(part)
            return False
        if self._backslashes % 2:
            self._backslashes = 0
            self._hold(part + _QUOTE)
            return False
        self._hold(part)
        return True

    def _hold(self, part: bytes) -> None:
        self._length += len(part)
        self._checksum = zlib.crc32(part, self._checksum)
        if self._length <= STRING_LIMIT:
            self._held.append(part)
        else:
            self._held.clear()

    def _finish(self) -> bytes:
        text = b"".join(self._held)
        if self._length > STRING_LIMIT:
            text = b"elided:%08x:%d" % (self._checksum, self._length)
        self._held.clear()
        self._length = self._checksum = self._backslashes = 0
        self._inside = False
        return text
