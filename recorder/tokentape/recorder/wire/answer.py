"""The Answer: what goes on the wire, when, and what becomes of the connection."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

GROUP: Final = 256 * 1024
"""Bytes of one write, where many are due at once."""


class Ending(enum.IntEnum):
    """What happens to the connection when all has been written."""

    KEEP = 0
    CLOSE = 1
    """Properly: the reply ends with the connection."""
    CUT = 2
    """Closed inside the reply, by a FIN."""
    RESET = 3
    """Closed inside the reply, by a RST."""
    HANG = 4
    """It stays open and nothing but pings comes."""


class Answer(msgspec.Struct, kw_only=True):
    """One reply. Times are seconds from the end of the request."""

    pieces: list[bytes]
    """The head, then the body as framed and encoded."""
    due: list[float] = []
    """When each piece is written; empty: all at once."""
    separate: bool = False
    """Each piece is a write of its own, in turn with other connections; else what is due is joined."""
    ending: Ending = Ending.KEEP
    ping: bytes = b""
    """Repeated every `ping_seconds` where the ending is `HANG`."""
    ping_seconds: float = 0.0

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(map(len, self.pieces))


def cut_at(answer: Answer, size: int) -> None:
    """Keep the first so many bytes of an answer."""
    kept: list[bytes] = []
    for piece in answer.pieces:
        if size <= 0:
            break
        kept.append(piece[:size])
        size -= len(piece)
    answer.pieces = kept
    answer.due = answer.due[: len(kept)]
    # Where nothing is left, there is nothing to take turns with.
    answer.separate = answer.separate and bool(kept)


def grouped(pieces: list[bytes]) -> list[bytes]:
    """Pieces joined to few, none of them much over `GROUP`."""
    groups: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= GROUP:
            groups += _cut(b"".join(waiting))
            waiting, size = [], 0
    if waiting:
        groups.append(b"".join(waiting))
    return groups


def _cut(data: bytes) -> list[bytes]:
    return [data[place : place + GROUP] for place in range(0, len(data), GROUP)]
