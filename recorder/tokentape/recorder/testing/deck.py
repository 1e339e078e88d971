"""The Deck: which answer each request of a test gets. For several threads at a time; nothing in it waits."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tokentape.recorder.cassette.interaction import Response
from tokentape.recorder.faults.attempt import read_attempt
from tokentape.recorder.faults.book import Book
from tokentape.recorder.faults.replies import instead
from tokentape.recorder.matching.miss import answer_for as miss_answer
from tokentape.recorder.matching.player import Player
from tokentape.recorder.replay.answers import reply_for
from tokentape.recorder.replay.report import named
from tokentape.recorder.scrubbing.scrub import scrub, scrub_request, scrub_text
from tokentape.recorder.testing.errors import BlockedError
from tokentape.recorder.testing.exchange import Exchange, Verdict
from tokentape.recorder.testing.hosts import Places, Whom
from tokentape.recorder.testing.other_hosts import OtherHosts
from tokentape.recorder.testing.take import Take
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import Body
from tokentape.recorder.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.recorder.cassette.interaction import Interaction, Request
    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.matching.verdict import Played
    from tokentape.recorder.testing.settings import Settings


_REFUSED: Final = Reply(status=200, headers=[], body=Body(data=[], due=[], ending=Ending.RESET), most=0)
"""A connection that is reset as soon as it is made."""


class Deck:
    """Answers the requests of one test.

    Attributes:
        exchanges: what became of each request, in the order in which they began.
        troubles: what else must be told.
    """

    def __init__(  # noqa: PLR0913 - settings by keyword
        self,
        interactions: Sequence[Interaction],
        settings: Settings,
        *,
        live: bool,
        places: Places,
        name: str = "",
        hint: str = "",
    ) -> None:
        """Answer from recordings.

        Args:
            interactions: what can be played.
            settings: what holds for the test.
            live: what is not recorded may go live, and is recorded then.
            places: tells whom requests are for.
            name: what the cassette is called in a miss.
            hint: the last line of a miss: what to run.
        """
        self.live = live
        self.exchanges: list[Exchange] = []
        self.troubles: list[str] = []
        self._settings = settings
        self._policy = settings.redact
        self._places = places
        self._hint = hint
        self._lock = threading.RLock()
        self._book = Book()
        self._takes: list[Take] = []
        self._spoiled: list[Reply] = []
        """What faults spoiled: the next attempt gets it whole."""
        self._took: dict[int, int] = {}
        """By take: the place of its exchange."""
        self._all = tuple(
            replace(one, request=scrub_request(one.request, self._policy)) for one in interactions
        )
        self._of_api, others = _parted(self._all, places)
        self._others = OtherHosts((place, self._all[place]) for place in others)
        self._tape = Player(
            tuple(self._all[place] for place in self._of_api),
            settings.volatile,
            mode=settings.match,
            after_last=settings.after_last,
            name=name,
            hint=hint,
            mask=partial(scrub_text, policy=self._policy),
        ).open()

    # Requests.

    def ask(self, request: Request, *, connects: bool = False) -> Reply | Take | None:
        """What a request gets: a reply; a take, where it goes live and is recorded; `None`: it is not ours.

        Args:
            request: whole and decoded, with its headers as they were sent.
            connects: it counts as a connection, too, which a fault may refuse.

        Raises:
            BlockedError: nothing may go live, and its host is not one that is recorded.
        """
        whom, uri = self._places.locate(request.method, request.uri)
        if whom is Whom.HERE:
            return None
        request = replace(request, uri=uri)
        clean = scrub_request(request, self._policy)
        with self._lock:
            if whom is Whom.API:
                refused = connects and self._book.refuses()
                return self._struck(clean, _REFUSED) if refused else self._api(request, clean)
            if whom is Whom.NAMED:
                return self._named(request, clean)
            if self.live:
                self._note(Exchange(verdict=Verdict.LIVE, request=clean, api=False))
                return None
            raise self._blocked(clean)

    def blocked(self, address: str) -> BlockedError:
        """What to raise for a connection to an address, which is noted."""
        text = (
            f"A connection to {address} was blocked: nothing goes live here. Name the host in "
            f"hosts=[...] of the marker to record what it answers. {self._hint}"
        )
        with self._lock:
            if text not in self.troubles:
                self.troubles.append(text)
        return BlockedError(text)

    def inject(self, *faults: Fault) -> None:
        """Let faults strike from now on."""
        with self._lock:
            self._book.inject(*faults)

    def refuses(self) -> bool:
        """A connection that has just been made to a server of ours is to be reset."""
        with self._lock:
            return self._book.refuses()

    # The API.

    def _api(self, request: Request, clean: Request) -> Reply | Take:
        if not self._book:
            return self._due(request, clean)
        attempt = read_attempt(clean.method, clean.uri, clean.body)
        if self.live:
            # A live reply passes while it is recorded: only what answers in its place can strike.
            fault = self._book.strike(attempt)
            answer = instead(fault, attempt) if fault is not None else None
            return self._due(request, clean) if answer is None else self._struck(clean, answer)
        due: list[Reply] = []

        def play() -> Reply:
            due.append(self._replayed(clean))
            return due[-1]

        reply = self._book.answer(attempt, play)
        if not due:
            # Either a fault answered in the recording's place, or the recording that one had spoiled.
            spared = any(reply is one for one in self._spoiled)
            return self._struck(clean, reply, Verdict.HIT if spared else Verdict.FAULT)
        if reply is not due[0]:
            self._spoiled.append(due[0])
            self.exchanges[-1] = replace(
                self.exchanges[-1], verdict=Verdict.FAULT, response=_response_of(reply)
            )
        return reply

    def _struck(self, clean: Request, reply: Reply, verdict: Verdict = Verdict.FAULT) -> Reply:
        self._note(Exchange(verdict=verdict, request=clean, response=_response_of(reply)))
        return reply

    def _due(self, request: Request, clean: Request) -> Reply | Take:
        if not self.live:
            return self._replayed(clean)
        if self._all:
            played = self._tape.play(clean)
            if played.interaction is not None:
                return self._played(clean, played)
        return self._take(request, clean, api=True)

    def _replayed(self, clean: Request) -> Reply:
        return self._played(clean, self._tape.play(clean))

    def _played(self, clean: Request, played: Played) -> Reply:
        if played.interaction is None:
            assert played.miss is not None
            response = miss_answer(played.miss)
            text = str(played.miss)
            self._note(Exchange(verdict=Verdict.MISS, request=clean, response=response, detail=text))
            return reply_for(response)
        interaction = played.interaction
        drift = "; ".join(map(str, played.drift))
        self._note(
            Exchange(
                verdict=Verdict.DRIFT if played.drift else Verdict.HIT,
                request=clean,
                response=interaction.response,
                recorded_at=interaction.recorded_at,
                detail=drift,
            )
        )
        return reply_for(interaction.response)

    # Other hosts.

    def _named(self, request: Request, clean: Request) -> Reply | Take:
        found = self._others.play(clean)
        if found is not None:
            response = found[1].response
            self._note(Exchange(verdict=Verdict.HIT, request=clean, response=response, api=False))
            return reply_for(response)
        if self.live:
            return self._take(request, clean, api=False)
        text = f"No recording is left for {clean.method} {clean.uri}.\n{self._hint}"
        self._note(Exchange(verdict=Verdict.MISS, request=clean, detail=text, api=False))
        raise BlockedError(text)

    def _blocked(self, clean: Request) -> BlockedError:
        shown = scrub_text(f"{clean.method} {clean.uri.partition('?')[0]}", self._policy)
        text = (
            f"{shown} was blocked: nothing goes live here. Name the host in hosts=[...] of the marker to "
            f"record what it answers. {self._hint}"
        )
        self._note(Exchange(verdict=Verdict.BLOCKED, request=clean, detail=text, api=False))
        return BlockedError(text)

    # Live.

    def _take(self, request: Request, clean: Request, *, api: bool) -> Take:
        take = Take(request, self._taken)
        self._took[id(take)] = len(self.exchanges)
        self._takes.append(take)
        self._note(Exchange(verdict=Verdict.LIVE, request=clean, api=api))
        return take

    def _taken(self, take: Take) -> None:
        with self._lock:
            if take.trouble:
                self.troubles.append(take.trouble)
            if take.interaction is None:
                return
            kept = scrub(take.interaction, self._policy)
            place = self._took[id(take)]
            self.exchanges[place] = replace(
                self.exchanges[place],
                verdict=Verdict.RECORDED,
                response=kept.response,
                recorded_at=kept.recorded_at,
            )

    def recorded(self) -> list[Interaction]:
        """What was recorded, scrubbed, in the order in which the requests began."""
        with self._lock:
            whole = [take.interaction for take in self._takes if take.interaction is not None]
        return [scrub(interaction, self._policy) for interaction in whole]

    def unfinished(self) -> list[Take]:
        """The takes that have not ended."""
        with self._lock:
            return [take for take in self._takes if take.interaction is None and not take.trouble]

    # What was played.

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What can be played."""
        return self._all

    @property
    def play_count(self) -> int:
        """How many requests were answered by a recording."""
        with self._lock:
            return sum(1 for one in self.exchanges if one.verdict in {Verdict.HIT, Verdict.DRIFT})

    def unplayed(self) -> tuple[Interaction, ...]:
        """The recordings that nobody asked for, in order."""
        with self._lock:
            plays = self._tape.plays()
            places = [self._of_api[at] for at, count in enumerate(plays) if not count]
            return tuple(self._all[place] for place in sorted([*places, *self._others.unplayed()]))

    def _note(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)


def told(exchange: Exchange) -> str:
    """A request in few words."""
    return named(exchange.request) if exchange.api else f"{exchange.request.method} {exchange.request.uri}"


def _parted(interactions: Sequence[Interaction], places: Places) -> tuple[list[int], list[int]]:
    """The places of what the API answered, and of the rest."""
    of_api: list[int] = []
    others: list[int] = []
    for place, one in enumerate(interactions):
        whom, _ = places.locate(one.request.method, one.request.uri)
        (of_api if whom in {Whom.API, Whom.HERE} else others).append(place)
    return of_api, others


def _response_of(reply: Reply) -> Response:
    return Response(status=reply.status, headers=tuple(reply.headers), body=b"".join(reply.body.data))
