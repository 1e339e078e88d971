"""Request heads that a client sends again and again, judged once.

An SDK's head is the same with every call but for the length of the body. So a judged head is kept under
its bytes without the Content-Length line, and a head that differs in that number alone is not judged
again. Everything that can make a head ambiguous is in the bytes that must be equal.
"""

from __future__ import annotations

from typing import Final

from tokentape.proxy.http1.heads import RequestHead

_KEPT: Final = 256
"""Distinct heads of one process."""
_LENGTH: Final = b"\r\ncontent-length:"
_DIGITS: Final = frozenset(b"0123456789")


class HeadMemory:
    """Heads by their bytes without Content-Length."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[bytes, tuple[RequestHead, int]] = {}

    def recall(self, raw: bytes) -> RequestHead | None:
        """The head of these bytes, if its like has been judged; `raw` ends with the empty line."""
        start = raw.lower().find(_LENGTH)
        if start < 0:
            return None
        end = raw.find(b"\r\n", start + 17)
        found = self._kept.get(raw[:start] + raw[end:])
        if found is None or found[1] != start:
            return None  # elsewhere in the head, it would move the places that were noted
        value = raw[start + 17 : end].strip(b" \t")
        if not value or len(value) > 18 or not _DIGITS.issuperset(value):
            return None
        return _like(found[0], raw, start, int(value))

    def keep(self, head: RequestHead) -> None:
        """Remember a judged head."""
        lowered = head.raw.lower()
        start = lowered.find(_LENGTH)
        if start < 0 or b"\r\ntraceparent:" in lowered:
            return  # nothing to gain, or another one with every call
        if len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        end = lowered.find(b"\r\n", start + 17)
        self._kept[head.raw[:start] + head.raw[end:]] = (head, start)


def _like(known: RequestHead, raw: bytes, start: int, length: int) -> RequestHead:
    head = RequestHead(raw, known.method, known.target, modern=known.modern)
    head.connection = known.connection
    head.keep_alive = known.keep_alive
    head.upgrade = known.upgrade
    head.content_length = length
    shift = len(raw) - len(known.raw)
    head.noted = known.noted if not shift else _shifted(known.noted, start, shift)
    return head


def _shifted(
    noted: list[tuple[int, int, bytes, bytes]], start: int, shift: int
) -> list[tuple[int, int, bytes, bytes]]:
    return [
        (first + (shift if first > start else 0), last + (shift if last > start else 0), name, value)
        for first, last, name, value in noted
    ]
