"""The recording that is most like a request: a bounded search, for misses and for lenient matching.

First by the words that two bodies share, counting a bounded part of each; the few best are then parsed, and
the one with the fewest differences is the nearest. Among many recordings, those that share rare words are
looked up in an index of words, which is made at the first miss.
"""

from __future__ import annotations

import heapq
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tokentape.recorder.matching.difference import count

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from tokentape.recorder.cassette.interaction import Interaction
    from tokentape.recorder.matching.keys import Reading

FEW: Final = 256
"""Recordings that are all looked at; among more, the index chooses as many."""
_END: Final = 4096
"""Bytes of each end of a body that are looked at."""
_INDEXED: Final = 32 * 1024 * 1024
"""Bytes of all bodies together that are indexed; the more bodies, the less of each."""
_LOOKED_UP: Final = 20_000
"""Entries of the index that are looked at for one request."""
_PARSED: Final = 4
_PUNCTUATION: Final = bytes.maketrans(b'"{}[],:\\.;()?!', b" " * 14)
_NAMES: Final = frozenset(
    b"model max_tokens messages role user assistant content type text system tools name description "
    b"input_schema object properties string required stream true false null cache_control ephemeral "
    b"metadata user_id temperature thinking tool_use tool_result tool_use_id id input".split()
)
"""Words that all requests to the API have in common, so that having them says nothing."""


def words(body: bytes, end: int = _END) -> frozenset[bytes]:
    """What a body says, word by word; of a long one, what its two ends say."""
    sample = body if len(body) <= 2 * end else body[:end] + b" " + body[-end:]
    return frozenset(sample.translate(_PUNCTUATION).split()) - _NAMES


def likeness(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    """From 0 to 1: the share of all words that both have."""
    both = one | other
    return len(one & other) / len(both) if both else 1.0


class Words:
    """Which recordings hold a word."""

    def __init__(self, interactions: Sequence[Interaction]) -> None:
        end = min(_END, _INDEXED // (2 * len(interactions) or 1))
        self._places: dict[bytes, list[int]] = {}
        for place, interaction in enumerate(interactions):
            for word in words(interaction.request.body, end):
                self._places.setdefault(word, []).append(place)

    def like(self, own: Iterable[bytes], places: Collection[int]) -> list[int]:
        """Those of `places` that share most words, rare words first; at most `FEW`."""
        allowed, shared, looked_up = set(places), dict[int, int](), 0
        found = sorted((len(self._places[word]), word) for word in own if word in self._places)
        for number, word in found:
            if looked_up and looked_up + number > _LOOKED_UP:
                break
            looked_up += number
            for place in self._places[word]:
                if place in allowed:
                    shared[place] = shared.get(place, 0) + 1
        return heapq.nsmallest(FEW, shared, key=lambda place: (-shared[place], place))


class Search:
    """Finds what is most like a request among the recordings of a cassette."""

    def __init__(self, interactions: Sequence[Interaction], reading: Callable[[int], Reading]) -> None:
        """`reading` reads a recorded request."""
        self._interactions = interactions
        self._reading = reading

    def nearest(self, sent: Reading, places: Collection[int], *, least: float = 0.0) -> int | None:
        """The one of `places` that is most like `sent`, at least so much; the first of equals."""
        own = words(sent.request.body)
        scored = [
            (likeness(own, words(self._interactions[place].request.body)), -place)
            for place in self._few(own, places)
        ]
        best = heapq.nlargest(_PARSED, (each for each in scored if each[0] >= least))
        ranked = [(count(self._reading(-place), sent), -score, -place) for score, place in best]
        return min(ranked)[2] if ranked else None

    def _few(self, own: frozenset[bytes], places: Collection[int]) -> Collection[int]:
        if len(places) <= FEW:
            return places
        return self._words.like(own, places) or sorted(places)[:FEW]

    @cached_property
    def _words(self) -> Words:
        return Words(self._interactions)
