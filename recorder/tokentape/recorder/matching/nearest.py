"""The recording that is most like a request: a bounded search, for misses and for lenient matching.

First by the words that two bodies share, of a bounded number of bodies and of a bounded part of each;
the few best are then parsed, and the one with the fewest differences is the nearest.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from tokentape.recorder.matching.difference import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tokentape.recorder.cassette.interaction import Interaction
    from tokentape.recorder.matching.keys import Reading

MOST: Final = 512
"""Recordings that are looked at; of more, those whose length is nearest."""
_END: Final = 4096
"""Bytes of each end of a body that are looked at."""
_PARSED: Final = 4
_PUNCTUATION: Final = bytes.maketrans(b'"{}[],:\\.;()', b" " * 12)


def words(body: bytes) -> frozenset[bytes]:
    """The words of a body, or of its two ends."""
    sample = body if len(body) <= 2 * _END else body[:_END] + b" " + body[-_END:]
    return frozenset(sample.translate(_PUNCTUATION).split())


def likeness(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    """From 0 to 1: the share of all words that both have."""
    return len(one & other) / (len(one | other) or 1)


def nearest(
    sent: Reading,
    places: Iterable[int],
    interactions: Sequence[Interaction],
    reading: Callable[[int], Reading],
    *,
    least: float = 0.0,
) -> int | None:
    """The place of the recording that is most like `sent`; the first of equals.

    Args:
        sent: the request.
        places: of the recordings that may be it.
        interactions: all recordings.
        reading: reads a recorded request.
        least: below this likeness it is not alike at all.
    """
    own, size = words(sent.request.body), len(sent.request.body)
    looked_at = heapq.nsmallest(MOST, places, key=lambda place: abs(_size(interactions[place]) - size))
    scored = [(likeness(own, words(interactions[place].request.body)), -place) for place in sorted(looked_at)]
    best = heapq.nlargest(_PARSED, (each for each in scored if each[0] >= least))
    ranked = [(count(reading(-place), sent), -score, -place) for score, place in best]
    return min(ranked)[2] if ranked else None


def _size(interaction: Interaction) -> int:
    return len(interaction.request.body)
