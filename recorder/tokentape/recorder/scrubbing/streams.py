"""Streams: one text in many events.

A block of a message comes in deltas, and a secret in it may be cut anywhere. What counts is the block's text
as the client puts it together: that is what the next request sends back. So the pieces of a block are joined
as they are written, JSON's escapes and all, searched as one, and each find is laid back over the pieces: the
placeholder where it began, nothing in the pieces that follow. No event is added, lost or reshaped.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from tokentape.recorder.scrubbing.edits import Edit
from tokentape.recorder.scrubbing.finding import find, placeholder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentape.recorder.scrubbing.finding import Span

# Line ends of event streams: https://html.spec.whatwg.org/multipage/server-sent-events.html.
_LINES: Final = re.compile(rb"(?:\A|(?<=[\r\n]))data:[^\r\n]*")
_PIECE: Final = re.compile(rb'"(text|thinking|partial_json|content)"\s*:\s*"((?:[^"\\]|\\.)*+)')
_INDEX: Final = re.compile(rb'"index"\s*:\s*(\d+)')


class Piece(NamedTuple):
    """A part of a block's text, as it is written in one event."""

    start: int
    end: int


def joined_blocks(body: bytes) -> list[list[Piece]]:
    """The pieces of each block of a stream, in order."""
    blocks: defaultdict[tuple[bytes, bytes], list[Piece]] = defaultdict(list)
    for start, end in data_lines(body):
        found = _piece(body, start, end)
        if found is not None:
            key, piece = found
            blocks[key].append(piece)
    return list(blocks.values())


def data_lines(body: bytes) -> Iterator[tuple[int, int]]:
    """Where the data lines of a stream stand."""
    return (line.span() for line in _LINES.finditer(body))


def find_in_stream(
    body: bytes, literals: Sequence[bytes] = (), *, cut: bool = False
) -> list[tuple[Span, list[Piece]]]:
    """The secrets in a stream: one outside blocks with its place, one in a block with the block's pieces."""
    blocks = joined_blocks(body)
    pieces = sorted(piece for block in blocks for piece in block)
    found: list[tuple[Span, list[Piece]]] = [
        (span, [Piece(0, len(body))])
        for span in find(body, literals=literals, cut=cut)
        if not _within(span, pieces)
    ]
    for block in blocks:
        text = joined(body, block)
        broke_off = cut and block[-1] == pieces[-1]
        found += ((span, block) for span in find(text, literals=literals, cut=broke_off))
    return found


def joined(body: bytes, block: Sequence[Piece]) -> bytes:
    """A block's text, with JSON's escapes as they are written."""
    return b"".join(body[piece.start : piece.end] for piece in block)


def stream_edits(body: bytes, literals: Sequence[bytes], *, cut: bool) -> list[Edit]:
    """What scrubbing changes in a stream."""
    return sorted(
        edit
        for span, pieces in find_in_stream(body, literals, cut=cut)
        for edit in laid_over(pieces, span.start, span.end, placeholder(span.kind))
    )


def laid_over(block: Sequence[Piece], start: int, end: int, text: bytes) -> Iterator[Edit]:
    """Changes that put `text` for what stands between two places of a block's joined text."""
    at = 0
    for piece in block:
        size = piece.end - piece.start
        first, last = max(start - at, 0), min(end - at, size)
        if first < last:
            yield Edit(piece.start + first, piece.start + last, text)
            text = b""
        at += size


def _piece(body: bytes, start: int, end: int) -> tuple[tuple[bytes, bytes], Piece] | None:
    begins = body.find(b'"content_block_start"', start, end) >= 0
    if not begins and body.find(b'"content_block_delta"', start, end) < 0:
        return None
    if body.find(b'"citations_delta"', start, end) >= 0:
        return None
    piece, index = _PIECE.search(body, start, end), _INDEX.search(body, start, end)
    if piece is None or index is None:
        return None
    return (index[1], piece[1]), Piece(*piece.span(2))


def _within(span: Span, pieces: Sequence[Piece]) -> bool:
    """Whether a span touches a piece, whose block has the say."""
    low, high = 0, len(pieces)
    while low < high:
        middle = (low + high) // 2
        if pieces[middle].end <= span.start:
            low = middle + 1
        else:
            high = middle
    return low < len(pieces) and pieces[low].start < span.end
