"""What requests have in common, written once: the turns of an agent's loop, its tools, its system prompt.

An indented JSON body is cut at its outer lines (members of the object, elements of their lists) into
chunks, and once more at the blocks of a message that stands nowhere else; chunks that always come
together become one part. A part that is long and comes again is named
where it first stands, and only named after that. The parts of a body, joined, are the body to the byte.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentape.recorder.cassette.bodies import WrittenBody

SHORTEST: Final = 256
"""Characters of a part that is worth a name."""


def _lines(depth: int) -> re.Pattern[str]:
    """Lines of at most this indent, and the deeper ones under the last of them."""
    return re.compile(rf"(?m)^(?: {{0,{depth}}}[^ \n][^\n]*(?:\n|\Z))+(?: {{{depth + 1}}}[^\n]*(?:\n|\Z))*")


_OUTER: Final = _lines(4)
"""Members of the body, and elements of their lists: messages, tools, system blocks."""
_INNER: Final = _lines(8)
"""Blocks of a message's content."""


class Part(msgspec.Struct, frozen=True):
    """A piece of a body."""

    text: str
    name: str | None = None
    first: bool = True
    """Whether a named part stands here, or is only named."""


Chunk = str
Parts = tuple[Part, ...]


def shared(bodies: Sequence[WrittenBody]) -> list[Parts]:
    """The parts of each body; none for a body that has nothing to share."""
    chunked = _refined([_chunks(body) for body in bodies])
    neighbours = _Neighbours(chunked)
    return list(_named([list(_runs(chunks, neighbours)) for chunks in chunked]))


def _chunks(body: WrittenBody) -> list[Chunk]:
    """A body that is no printable text in lines cannot be cut."""
    if isinstance(body, bytes) or not body.startswith(("{\n", "[\n")) or not body.isascii():
        return []
    chunks = _OUTER.findall(body)
    return chunks if "".join(chunks) == body else []


def _refined(chunked: Sequence[Sequence[Chunk]]) -> list[list[Chunk]]:
    """Chunks that stand nowhere else, cut again: what is in them may."""
    counts = Counter(chunk for chunks in chunked for chunk in chunks)
    return [[piece for chunk in chunks for piece in _pieces(chunk, counts[chunk])] for chunks in chunked]


def _pieces(chunk: Chunk, count: int) -> list[Chunk]:
    return [chunk] if count > 1 or len(chunk) < SHORTEST else _INNER.findall(chunk)


class _Neighbours:
    """Which chunks always come together."""

    def __init__(self, chunked: Sequence[Sequence[Chunk]]) -> None:
        self._after: dict[Chunk | None, Chunk | None] = {}
        self._before: dict[Chunk | None, Chunk | None] = {}
        self._parted: set[Chunk | None] = {None}
        self._led: set[Chunk | None] = {None}
        for chunks in chunked:
            for one, other in pairwise([None, *chunks, None]):
                if self._after.setdefault(one, other) != other:
                    self._parted.add(one)
                if self._before.setdefault(other, one) != one:
                    self._led.add(other)

    def together(self, one: Chunk, other: Chunk) -> bool:
        """Nowhere does `one` stand without `other` after it, nor `other` without `one` before it."""
        return one not in self._parted and other not in self._led


def _runs(chunks: Sequence[Chunk], neighbours: _Neighbours) -> Iterator[str]:
    run: list[Chunk] = []
    for chunk in chunks:
        if run and not neighbours.together(run[-1], chunk):
            yield "".join(run)
            run = []
        run.append(chunk)
    if run:
        yield "".join(run)


def _named(bodies: Sequence[Sequence[str]]) -> Iterator[Parts]:
    counts = Counter(run for runs in bodies for run in runs)
    names: dict[str, str] = {}
    for runs in bodies:
        parts: list[Part] = []
        for run in runs:
            if counts[run] > 1 and len(run) >= SHORTEST:
                first = run not in names
                parts.append(Part(run, names.setdefault(run, f"p{len(names) + 1}"), first))
            elif parts and parts[-1].name is None:
                parts[-1] = Part(parts[-1].text + run)
            else:
                parts.append(Part(run))
        yield tuple(parts) if any(part.name for part in parts) else ()
