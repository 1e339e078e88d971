"""What all tapes of a cassette share: its interactions, its index, and what is worked out when first needed.

Nothing here changes what a tape gives; two threads that work out the same thing at once get the same.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tokentape.recorder.matching.index import indexed
from tokentape.recorder.matching.keys import Reading, head_of
from tokentape.recorder.matching.lanes import Lanes
from tokentape.recorder.matching.nearest import Search
from tokentape.recorder.matching.volatile import Normaliser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.recorder.cassette.interaction import Interaction, Request
    from tokentape.recorder.matching.rules import Rules
    from tokentape.recorder.matching.verdict import Options


class Library:
    """A cassette, ready to be played."""

    def __init__(
        self, interactions: Sequence[Interaction], rules: Rules, options: Options, derived: bytes | None
    ) -> None:
        self.interactions = tuple(interactions)
        self.options = options
        self.index = indexed(self.interactions, rules, derived)
        self.search = Search(self.interactions, self.recorded)
        self._normaliser = Normaliser(rules)

    def read(self, request: Request) -> Reading:
        """A request that came."""
        return Reading(request, self._normaliser)

    def recorded(self, place: int) -> Reading:
        """A request that was recorded."""
        return self.read(self.interactions[place].request)

    @cached_property
    def lanes(self) -> Lanes:
        """The conversations. Working them out reads every recorded body once more."""
        holding = (
            place
            for place, interaction in enumerate(self.interactions)
            if b"messages" in interaction.request.body
        )
        readings = ((place, self.recorded(place)) for place in holding)
        return Lanes(self.interactions, readings, self._normaliser)

    def of_endpoint(self, reading: Reading) -> Sequence[int]:
        """The recordings of a request's method and endpoint."""
        return self._endpoints.get(_endpoint(reading.request.method, reading.head.endpoint), ())

    @cached_property
    def _endpoints(self) -> dict[tuple[str, str], list[int]]:
        found: dict[tuple[str, str], list[int]] = {}
        for place, interaction in enumerate(self.interactions):
            request = interaction.request
            endpoint = head_of(request.method, request.uri, self._normaliser).endpoint
            found.setdefault(_endpoint(request.method, endpoint), []).append(place)
        return found


def _endpoint(method: str, endpoint: str) -> tuple[str, str]:
    return method.upper(), endpoint
