"""The cassettes that are served, and each client's own state of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.cassette.cache import NOWHERE
from tokentape.recorder.matching.player import Player
from tokentape.recorder.matching.rules import DEFAULT as NO_RULES
from tokentape.recorder.replay.ready import made_ready
from tokentape.recorder.scrubbing.policy import DEFAULT
from tokentape.recorder.scrubbing.scrub import scrub_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tokentape.recorder.cassette.cache import Entry
    from tokentape.recorder.cassette.interaction import Cassette, Request
    from tokentape.recorder.matching.player import Tape
    from tokentape.recorder.matching.rules import Rules
    from tokentape.recorder.matching.verdict import Played
    from tokentape.recorder.scrubbing.policy import Policy

NO_ENTRIES: Final[Mapping[str, Entry]] = {}
MOST_SESSIONS: Final = 10_000
MOST_NOTES: Final = 200
"""Drifts and misses of one session that are kept in full; beyond them they are only counted."""


class AddressError(Exception):
    """No session can be had under what a request names. Its text is one sentence for the user."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is worth telling of one request: it drifted, or was missed."""

    verdict: str
    request: str
    """Method and path."""
    text: str
    """The request and every drift with path, old and new; or the whole explanation of the miss."""


class Totals(msgspec.Struct):
    """What outlives resets: a miss is not forgotten because a client began again."""

    verdicts: dict[str, int] = {}
    played: dict[str, set[int]] = {}
    """By cassette: the interactions that any session was given, by place."""
    resets: int = 0
    """Sessions that were reset or ended."""
    astray: int = 0
    """Requests that no session could look up: they named no cassette, or could not be decoded."""


class Session:
    """One client's state of one cassette.

    Attributes:
        cassette, name: what it is addressed by.
        verdicts: how often each was given.
        notes: what is worth telling, in order.
    """

    def __init__(self, cassette: str, name: str, tape: Tape, totals: Totals) -> None:
        self.cassette = cassette
        self.name = name
        self.verdicts: dict[str, int] = {}
        self.notes: list[Note] = []
        self._tape = tape
        self._totals = totals

    def play(self, request: Request) -> Played:
        """Look a request up."""
        played = self._tape.play(request)
        if played.interaction is not None:
            self._totals.played.setdefault(self.cassette, set()).add(played.place)
        return played

    def count(self, verdict: str) -> None:
        """Count a verdict."""
        for verdicts in (self.verdicts, self._totals.verdicts):
            verdicts[verdict] = verdicts.get(verdict, 0) + 1

    def note(self, note: Note) -> None:
        """Keep what is worth telling, as long as there is room."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append(note)

    def unplayed(self) -> tuple[Request, ...]:
        """The recorded requests that nobody has sent, in order."""
        return tuple(interaction.request for interaction in self._tape.unplayed())

    def reset(self) -> None:
        """Begin again as if nothing had been sent."""
        self._totals.resets += 1
        self._tape.reset()
        self.verdicts.clear()
        self.notes.clear()


def shelf_of(  # noqa: PLR0913 - settings by keyword, each with a default
    cassettes: Mapping[str, Cassette],
    *,
    mode: str = "strict",
    after_last: str = "fail",
    rules: Rules = NO_RULES,
    policy: Policy = DEFAULT,
    hint: Callable[[str], str] = "To record it: tokentape record {}".format,
    entries: Mapping[str, Entry] = NO_ENTRIES,
) -> Shelf:
    """The shelf of these cassettes, by name.

    Requests of other recorders are not scrubbed, and what is looked up is: so all of them are, again.

    Args:
        cassettes: by name.
        mode: `strict` or `lenient`.
        after_last: what a request gets beyond its last recording: `fail`, `repeat_last` or `cycle`.
        rules: what is volatile beyond the default.
        policy: what is redacted.
        hint: by the name of a cassette, the last line of a miss: what to run.
        entries: those of the cassettes in the cache, by name.
    """
    mask = partial(scrub_text, policy=policy)

    def player(name: str, cassette: Cassette) -> Player:
        ready = made_ready(cassette.interactions, policy, rules, entries.get(name, NOWHERE))
        return Player(
            ready.interactions,
            rules,
            mode=mode,
            after_last=after_last,
            name=name,
            hint=hint(name),
            mask=mask,
            derived=ready.index,
        )

    return Shelf({name: player(name, cassette) for name, cassette in cassettes.items()})


class Shelf:
    """The cassettes by name, and the sessions on them."""

    def __init__(self, players: Mapping[str, Player]) -> None:
        """`players` has one player a cassette."""
        self._players = players
        self._sessions: dict[tuple[str, str], Session] = {}
        self.totals = Totals()

    @property
    def names(self) -> list[str]:
        """All cassettes."""
        return sorted(self._players)

    def sessions(self) -> list[Session]:
        """All sessions, in the order in which they were opened."""
        return list(self._sessions.values())

    def session(self, cassette: str, name: str) -> Session:
        """The session of these names, opened if it is not; without a cassette's name, of the only one.

        Raises:
            AddressError: there is no such cassette, or too many sessions.
        """
        cassette = self._cassette(cassette)
        session = self._sessions.get((cassette, name))
        if session is None:
            if len(self._sessions) >= MOST_SESSIONS:
                raise AddressError(
                    f"{MOST_SESSIONS:,} sessions are open: end some with "
                    "DELETE /@cassette=NAME,session=ID/.tokentape/replay."
                )
            session = Session(cassette, name, self._players[cassette].open(), self.totals)
            self._sessions[cassette, name] = session
        return session

    def chosen(self, cassette: str, name: str) -> Iterable[Session]:
        """The open sessions that labels choose: by cassette, by session, by both, or all.

        Raises:
            AddressError: there is no such cassette.
        """
        wanted = self._cassette(cassette) if cassette else ""
        return [
            session
            for session in self._sessions.values()
            if wanted in {"", session.cassette} and name in {"", session.name}
        ]

    def end(self, session: Session) -> None:
        """Forget a session."""
        self.totals.resets += 1
        self._sessions.pop((session.cassette, session.name), None)

    def untouched(self) -> list[str]:
        """The cassettes that nobody has asked for."""
        asked = {session.cassette for session in self._sessions.values()}
        return [name for name in self.names if name not in asked]

    def _cassette(self, name: str) -> str:
        if not name:
            if len(self._players) == 1:
                return next(iter(self._players))
            raise AddressError(f"Say which cassette: set base_url to .../@cassette=NAME. {self._known()}")
        if name not in self._players:
            raise AddressError(f"There is no cassette {name}. {self._known()}")
        return name

    def _known(self) -> str:
        names = self.names
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        return f"NAME is one of: {', '.join(names[:10])}{more}."
