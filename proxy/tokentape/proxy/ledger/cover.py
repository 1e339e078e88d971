"""Which rollups, and which rows, make up a span of time exactly. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from tokentape.proxy.ledger.schema import GRAINS

MICRO: Final = 1_000_000


class Piece(NamedTuple):
    """Part of a span: rollups of one grain, or with grain 0 the rows themselves."""

    grain: int
    """Seconds."""
    since: int
    """Microseconds since the epoch."""
    until: int
    """Microseconds, not included."""


def cover(since: int, until: int, largest: int) -> list[Piece]:
    """Cut [since, until), microseconds, into pieces: rollups up to a grain, rows for the ragged ends.

    The coarsest rollups make up the middle, finer ones the ends, so that few rows are read.
    """
    return _cover(since, until, [grain for grain in GRAINS if grain <= largest])


def _cover(since: int, until: int, grains: list[int]) -> list[Piece]:
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
