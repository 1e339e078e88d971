"""Plays a cassette: which recording each request of a session gets.

A request takes the first recording of its exact key that has not been played, else of its normalised key.
If there is none, but it continues a conversation that began like several lanes, it takes what is left in
its group (`lanes`). Only then does it count as one too many (`AfterLast`), as drifted, or as a miss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tokentape.recorder.matching.difference import compare
from tokentape.recorder.matching.explaining import explain
from tokentape.recorder.matching.keys import UNKNOWN
from tokentape.recorder.matching.lenient import LEAST, Going
from tokentape.recorder.matching.library import Library
from tokentape.recorder.matching.rules import DEFAULT
from tokentape.recorder.matching.turns import conversation_of
from tokentape.recorder.matching.verdict import AfterLast, Mode, Options, Played, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tokentape.recorder.cassette.interaction import Interaction, Request
    from tokentape.recorder.matching.index import Class
    from tokentape.recorder.matching.keys import Reading
    from tokentape.recorder.matching.lanes import Position
    from tokentape.recorder.matching.miss import Miss
    from tokentape.recorder.matching.rules import Rules


class Player:
    """A cassette, indexed: shared by all sessions, and not changed by any."""

    def __init__(  # noqa: PLR0913  # settings by keyword, each with a default
        self,
        interactions: Sequence[Interaction],
        rules: Rules = DEFAULT,
        *,
        mode: str = Mode.STRICT,
        after_last: str = AfterLast.FAIL,
        name: str = "",
        hint: str = "",
        mask: Callable[[str], str] = str,
        derived: bytes | None = None,
    ) -> None:
        """Index a cassette.

        Args:
            interactions: as recorded, in order.
            rules: what is volatile beyond the default.
            mode: `strict` or `lenient`.
            after_last: `fail`, `repeat_last` or `cycle`: what a request gets beyond its last recording.
            name: what the cassette is called in a miss.
            hint: the last line of a miss: what to run.
            mask: takes the secrets out of a text that is going to be shown.
            derived: what `derived` gave for the same interactions.

        Raises:
            ValueError: there is no such mode or setting.
        """
        options = Options(mode=Mode(mode), after_last=AfterLast(after_last), name=name, hint=hint, mask=mask)
        self._library = Library(interactions, rules, options, derived)

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What is played."""
        return self._library.interactions

    @property
    def derived(self) -> bytes:
        """The index as bytes, to be kept with the cassette under `index.NAME` and `index.VERSION`."""
        return self._library.index.to_bytes()

    def open(self) -> Tape:
        """A new session, in which nothing has been played."""
        return Tape(self._library)


class Tape:
    """What one session has been given. Not for several threads at a time."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.reset()

    def reset(self) -> None:
        """Begin again as if nothing had been played."""
        self._plays: dict[int, int] = {}
        self._lent: dict[bytes, list[int]] = {}
        """By normalised key: the recordings of other lanes that it was given."""
        self._borrowed: set[int] = set()
        """All of them."""
        self._again: dict[bytes, int] = {}
        """By key: how often it was answered beyond its last recording."""
        self._exact: dict[bytes, int] = {}
        self._normal: dict[bytes, int] = {}
        self._groups: dict[bytes, int] = {}
        """How much of each class and group has been played: nothing is looked at twice."""
        self._going = Going(self._library) if self._library.options.mode is Mode.LENIENT else None

    def plays(self) -> tuple[int, ...]:
        """How often each interaction has been played."""
        return tuple(self._plays.get(place, 0) for place in range(len(self._library.interactions)))

    def unplayed(self) -> tuple[Interaction, ...]:
        """The interactions that have not been played, in order."""
        return tuple(
            interaction
            for place, interaction in enumerate(self._library.interactions)
            if place not in self._plays
        )

    def play(self, request: Request) -> Played:
        """The recording that answers a request, or why there is none. Never raises, whatever the request.

        Args:
            request: decoded, and scrubbed as the recorded ones were.
        """
        reading = self._library.read(request)
        played = self._keyed(reading) or self._other_lane(reading) or self._once_more(reading)
        if self._going is not None:
            played = played or self._alike(reading, self._going)
            if played is not None:
                self._going.note(reading, played.place)
        return played or Played(verdict=Verdict.MISS, miss=self._missed(reading))

    # By key.

    def _keyed(self, reading: Reading) -> Played | None:
        index = self._library.index
        for betas in self._betas():
            key = reading.exact(betas)
            place = self._next(key, index.exact.get(key, ()), self._exact)
            if place is not None:
                return self._give(place, Verdict.EXACT)
        for betas in self._betas():
            key = reading.normal(betas)
            place = self._next(key, index.normal.get(key, ()), self._normal)
            if place is not None:
                return self._give(place, Verdict.NORMALISED)
        return None

    def _betas(self) -> tuple[str | None, ...]:
        """The request's own betas, and those that nobody knows."""
        return (None, UNKNOWN) if self._library.index.unknown_betas else (None,)

    def _next(self, key: bytes, places: Sequence[int], begun: dict[bytes, int]) -> int | None:
        """The first recording of a class or group that has not been played."""
        if len(places) == 1:
            return None if places[0] in self._plays else places[0]
        at = begun.get(key, 0)
        while at < len(places) and places[at] in self._plays:
            at += 1
        if places:
            begun[key] = at
        return places[at] if at < len(places) else None

    def _give(self, place: int, verdict: Verdict) -> Played:
        self._plays[place] = self._plays.get(place, 0) + 1
        return Played(verdict=verdict, place=place, interaction=self._library.interactions[place])

    # By lane.

    def _other_lane(self, reading: Reading) -> Played | None:
        """What is left in the group of a request whose conversation began like several lanes."""
        talk = conversation_of(reading) if self._library.index.has_choices else None
        if talk is None or not talk.under_way:
            return None
        position = self._library.lanes.position(talk)
        key = reading.normal()
        if position.heard is None or self._answered(reading) >= self._due(position):
            return None
        place = self._next(position.group, self._library.lanes.group(position), self._groups)
        if place is None:
            return None
        self._lent.setdefault(key, []).append(place)
        self._borrowed.add(place)
        return self._give(place, Verdict.NORMALISED)

    def _answered(self, reading: Reading) -> int:
        """How many messages the requests of a normalised key have been given; errors are tried again."""
        own = (place for place in self._same(reading) if place in self._plays and place not in self._borrowed)
        return self._messages((*own, *self._lent.get(reading.normal(), ())))

    def _due(self, position: Position) -> int:
        """How many messages they may be given: as many as the reply before them was, or as were recorded.

        So a request that is sent once too often takes nothing from another conversation.
        """
        lanes, index = self._library.lanes, self._library.index
        classes = {index.normal_of[place] for place in lanes.group(position)}
        recorded = max((self._messages(index.normal[key]) for key in classes), default=1) or 1
        saying = lanes.saying(position.parent or b"", position.heard or b"")
        return recorded * sum(self._plays.get(place, 0) for place in saying)

    def _messages(self, places: Iterable[int]) -> int:
        """How many of them are messages."""
        return sum(1 for place in places if self._library.lanes.said(place) is not None)

    # Once more than it was recorded.

    def _once_more(self, reading: Reading) -> Played | None:
        setting = self._library.options.after_last
        if setting is AfterLast.FAIL:
            return None
        for key, places, verdict in self._classes(reading):
            if places:
                number = self._again.get(key, 0)
                self._again[key] = number + 1
                repeat = setting is AfterLast.REPEAT_LAST
                return self._give(places[-1 if repeat else number % len(places)], verdict)
        return None

    def _classes(self, reading: Reading) -> Iterator[tuple[bytes, Class, Verdict]]:
        key, index = reading.normal(), self._library.index
        if key in self._lent:
            yield key, tuple(self._lent[key]), Verdict.NORMALISED
        for betas in self._betas():
            key = reading.exact(betas)
            yield key, index.exact.get(key, ()), Verdict.EXACT
        for betas in self._betas():
            key = reading.normal(betas)
            yield key, index.normal.get(key, ()), Verdict.NORMALISED

    # Not as recorded.

    def _same(self, reading: Reading) -> Class:
        """The recordings that equal a request."""
        found = (self._library.index.normal.get(reading.normal(betas)) for betas in self._betas())
        return next(filter(None, found), ())

    def _alike(self, reading: Reading, going: Going) -> Played | None:
        """The best recording of a request's lane."""
        if self._same(reading):
            return None
        library = self._library
        left = ([place for place in each if place not in self._plays] for each in going.candidates(reading))
        found = (library.search.nearest(reading, places, least=LEAST) for places in left)
        place = next((place for place in found if place is not None), None)
        if place is None:
            return None
        drift = compare(library.recorded(place), reading, library.options.mask).differences
        return msgspec.structs.replace(self._give(place, Verdict.DRIFTED), drift=drift)

    def _missed(self, reading: Reading) -> Miss:
        return explain(self._library, reading, same=len(self._same(reading)), plays=self._plays)
