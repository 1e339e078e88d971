"""Lenient matching: for a request that equals no recording, the recordings that its lane would go on with.

The tape remembers each conversation that it answered. A request that extends one of them may be answered by
what continues the recording it was given last; a request that opens a conversation, by what opens a lane.
A stream is never given to a client that asked for none, nor the other way round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.recorder.matching.turns import conversation_of, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentape.recorder.matching.keys import Reading
    from tokentape.recorder.matching.library import Library
    from tokentape.recorder.matching.turns import Conversation, Turn

LEAST: Final = 0.1
"""Share of words in common below which a recording is no candidate: a title is no answer to a question."""


class Going:
    """The conversations that a tape answers."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._answered: dict[bytes, list[int]] = {}
        """By the messages of a request: the recordings that it was given."""

    def note(self, reading: Reading, place: int) -> None:
        """A request was answered by a recording."""
        talk = conversation_of(reading)
        if talk is not None:
            self._answered.setdefault(_chain(talk.turns)[-1], []).append(place)

    def candidates(self, reading: Reading) -> Iterator[list[int]]:
        """The recordings that may answer a request, the better choice first; played ones among them."""
        talk = conversation_of(reading)
        allowed = set(self._library.of_endpoint(reading))
        for places in self._continuing(talk) if talk else self._apart(reading):
            yield [place for place in places if place in allowed and self._fits(place, reading)]

    def _continuing(self, talk: Conversation) -> Iterator[Sequence[int]]:
        lanes = self._library.lanes
        before = self._before(talk)
        if before is not None:
            yield [after for place in dict.fromkeys(before) for after in lanes.after(place)]
            yield lanes.loose()
        else:
            yield lanes.under_way() if talk.under_way else lanes.openings()

    def _before(self, talk: Conversation) -> list[int] | None:
        """The recordings given to the request that this one continues; `None` where there is none."""
        chain = _chain(talk.turns)
        for length in range(len(talk.turns) - 1, 0, -1):
            given = self._answered.get(chain[length])
            if given:
                said = talk.turns[length].essence
                return [place for place in given if self._library.lanes.said(place) == said] or given
        return None

    def _apart(self, reading: Reading) -> Iterator[Sequence[int]]:
        """What is no conversation: first what has the same path, then all of the same endpoint."""
        interactions, places = self._library.interactions, self._library.of_endpoint(reading)
        yield [place for place in places if interactions[place].request.uri.endswith(reading.head.path)]
        yield places

    def _fits(self, place: int, reading: Reading) -> bool:
        response = self._library.interactions[place].response
        return response.streamed == reading.streams or response.status >= 400


def _chain(turns: Sequence[Turn]) -> list[bytes]:
    """A digest of the first n messages, for each n from 0 on."""
    chain = [b""]
    for turn in turns:
        chain.append(digest(chain[-1], turn.digest))
    return chain
