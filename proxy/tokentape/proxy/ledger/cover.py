"""Which rollups, and which rows, make up a span of time exactly. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MICRO: Final = 1_000_000


class Piece(NamedTuple):
    """Part of a span: rollups of one grain, or with grain 0 the rows themselves."""

    grain: int
    """Seconds."""
    since: int
    """Microseconds since the epoch."""
    until: int
    """Microseconds, not included."""


def cover(boundaries: Sequence[int], grains: Sequence[int]) -> list[Piece]:
    """Cut the span from the first boundary to the last into pieces that cross none of them.

    The coarsest rollups make up the middle, finer ones the ends, and rows what is ragged, so that few rows
    are read.

    Args:
        boundaries: microseconds since the epoch, ascending: where the span, and a day within it, begins.
        grains: seconds, ascending: of the rollups that there are.
    """
    found: list[Piece] = []
    for since, until in pairwise(boundaries):
        for piece in _cover(since, until, grains):
            if found and found[-1].grain == piece.grain and found[-1].until == piece.since:
                found[-1] = found[-1]._replace(until=piece.until)
            else:
                found.append(piece)
    return found


def _cover(since: int, until: int, grains: Sequence[int]) -> list[Piece]:
    if since >= until:
        return []
    if not grains:
        return [Piece(0, since, until)]
    *finer, grain = grains
    step = grain * MICRO
    first, last = -(-since // step) * step, until // step * step
    if first >= last:
        return _cover(since, until, finer)
    return [*_cover(since, first, finer), Piece(grain, first, last), *_cover(last, until, finer)]
