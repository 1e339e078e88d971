"""Why a request was missed: the search for what is nearest, done only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.recorder.matching.difference import compare
from tokentape.recorder.matching.miss import Miss, Nearest, Reason
from tokentape.recorder.matching.turns import conversation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentape.recorder.matching.keys import Reading
    from tokentape.recorder.matching.library import Library

_SHOWN: Final = 200
"""Characters of a path that are shown."""


def explain(library: Library, reading: Reading, *, same: int, plays: Mapping[int, int]) -> Miss:
    """Explain a miss.

    Args:
        library: what was searched.
        reading: the request.
        same: how many recordings equal it; it has had as many, so these are used up.
        plays: how often each recording has been played, if ever.
    """
    options = library.options
    candidates = () if same else library.of_endpoint(reading)
    place = library.search.nearest(reading, candidates)
    return Miss(
        request=options.mask(summary(reading)),
        reason=Reason.USED_UP if same else Reason.NOTHING if place is None else Reason.DIFFERENT,
        recorded=same or len(library.interactions),
        cassette=options.name,
        nearest=None if place is None else _nearest(library, place, reading, plays.get(place, 0)),
        hint=options.hint,
    )


def summary(reading: Reading) -> str:
    """What a request asks for, in few words."""
    head, talk = reading.head, conversation_of(reading)
    query = f"?{head.query}" if head.query else ""
    named = f"{reading.request.method.upper()[:20]} {(head.path + query)[:_SHOWN]}"
    if talk is None:
        return named
    number = len(talk.turns)
    return f"{named} ({str(reading.value.get('model'))[:100]}, {number} message{'' if number == 1 else 's'})"


def _nearest(library: Library, place: int, reading: Reading, plays: int) -> Nearest:
    recorded, mask = library.recorded(place), library.options.mask
    return Nearest(
        place=place,
        summary=mask(summary(recorded)),
        plays=plays,
        comparison=compare(recorded, reading, mask),
    )
