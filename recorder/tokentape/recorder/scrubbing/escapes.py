r"""Text as it reads where JSON escapes more than it has to.

JSON may write any sign as an escape, and encoders differ: .NET writes `"` as `\u0022` and `+` as `\u002B`, Go
writes `&` as `\u0026`, PHP writes `/` as `\/`. A secret must be found in each of these forms, so a text that
has such escapes is searched in the shortest form, and what is found is laid back over the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, NamedTuple

_ESCAPE: Final = re.compile(rb"(\\+)(?:u00([2-7][0-9A-Fa-f])|/)")
"""A sign of ASCII, or a slash, that would have needed no escape, or a shorter one (RFC 8259, 7)."""


class Reading(NamedTuple):
    """A text in its shortest form, and where its parts stand in the text as it was written."""

    text: bytes
    read: list[int]
    """Where each part begins in `text`, in order, ..."""
    written: list[int]
    """... and where it begins in the text as it was written."""
    ends: list[int]
    """Where what each part copies ends in `text`: behind it, the text was written in another way."""

    def place(self, at: int) -> int:
        """Where a place of `text` stands in the text as it was written."""
        part = bisect_right(self.read, at) - 1
        return self.written[part] + min(at, self.ends[part]) - self.read[part]


def shortest(text: bytes) -> Reading | None:
    """A text in its shortest form; `None` where it has that already."""
    if _ESCAPE.search(text) is None:
        return None
    pieces: list[bytes] = []
    read: list[int] = []
    written: list[int] = []
    ends: list[int] = []
    begin = size = 0
    for match in _ESCAPE.finditer(text):
        read.append(size)
        written.append(begin)
        ends.append(size + match.start() - begin)
        pieces += (text[begin : match.start()], _short(match))
        size = ends[-1] + len(pieces[-1])
        begin = match.end()
    pieces.append(text[begin:])
    read.append(size)
    written.append(begin)
    ends.append(size + len(text) - begin)
    return Reading(b"".join(pieces), read, written, ends)


def _short(match: re.Match[bytes]) -> bytes:
    r"""The sign itself, behind as many backslashes as it needs at its depth of JSON in JSON.

    In an odd run the last backslash is the escape's own; an even run is an escape that was itself quoted.
    """
    if match[2] is None:
        return b"/"
    sign, run = bytes([int(match[2], 16)]), len(match[1])
    if sign in b'"\\':
        return b"\\" * (run if run % 2 else 2 * run - 1) + sign
    return b"\\" * (run - 1 if run % 2 else 0) + sign
