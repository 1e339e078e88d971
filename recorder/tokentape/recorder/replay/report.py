"""What became of the sessions: as values for programs, and as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentape.recorder.cassette.interaction import Request
    from tokentape.recorder.replay.sessions import Note, Session, Shelf

EXACT: Final = "exact"
NORMALISED: Final = "normalised"
DRIFTED: Final = "drifted"
MISS: Final = "miss"
OTHER: Final = "other"
"""A request to an endpoint that no cassette holds, such as a client's probe: refused, but no miss."""
_SESSIONS: Final = 100
_SHOWN: Final = 10
"""Unplayed requests, drifts and misses of a session that are shown."""


class SessionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One session."""

    cassette: str
    session: str
    exact: int
    normalised: int
    drifted: int
    misses: int
    other: int
    unplayed: list[str]
    """Method and path of each."""
    notes: list[Note]


def report_of(session: Session) -> SessionReport:
    """The report of one session."""
    verdicts = session.verdicts
    return SessionReport(
        cassette=session.cassette,
        session=session.name,
        exact=verdicts.get(EXACT, 0),
        normalised=verdicts.get(NORMALISED, 0),
        drifted=verdicts.get(DRIFTED, 0),
        misses=verdicts.get(MISS, 0),
        other=verdicts.get(OTHER, 0),
        unplayed=[named(request) for request in session.unplayed()],
        notes=list(session.notes),
    )


def named(request: Request) -> str:
    """A request in few words: method, path and query."""
    _, _, rest = request.uri.partition("://")
    return f"{request.method} /{rest.partition('/')[2]}"


def summary(shelf: Shelf) -> list[str]:
    """The end of a replay, in lines: one a session, then what is worth telling of it."""
    sessions = shelf.sessions()
    lines = [line for session in sessions[:_SESSIONS] for line in _lines(report_of(session))]
    if len(sessions) > _SESSIONS:
        lines.append(f"and {len(sessions) - _SESSIONS:,} more sessions")
    if astray := shelf.totals.astray:
        lines.append(f"{_counted(astray, 'request', 'requests')} could not be looked up in any cassette")
    lines += [f"{name}: nobody asked for it" for name in shelf.untouched()]
    if shelf.totals.resets or len(sessions) > _SESSIONS:
        lines.append(f"in all, resets included: {_verdicts(shelf.totals.verdicts)}")
    return lines


def missed(shelf: Shelf) -> bool:
    """Whether any request was missed since the start, or went astray; resets change nothing about that."""
    return bool(shelf.totals.verdicts.get(MISS) or shelf.totals.astray)


def _lines(report: SessionReport) -> Iterable[str]:
    yield f"{_title(report)}: {_counts(report)}"
    for note in report.notes[:_SHOWN]:
        first, *rest = f"{note.verdict}: {note.text}".splitlines()
        yield f"  {first}"
        yield from (f"    {line}" for line in rest)
    yield from _rest(len(report.notes))
    for request in report.unplayed[:_SHOWN]:
        yield f"  unplayed: {request}"
    yield from _rest(len(report.unplayed))


def _title(report: SessionReport) -> str:
    return f"{report.cassette}, session {report.session}" if report.session else report.cassette


def _counts(report: SessionReport) -> str:
    counts = {NORMALISED: report.normalised, DRIFTED: report.drifted, MISS: report.misses}
    known = _verdicts({EXACT: report.exact, OTHER: report.other} | counts)
    return f"{known}, {len(report.unplayed):,} unplayed"


def _verdicts(counts: Mapping[str, int]) -> str:
    hits = sum(counts.get(verdict, 0) for verdict in (EXACT, NORMALISED, DRIFTED))
    kinds = [f"{count:,} {kind}" for kind in (NORMALISED, DRIFTED) if (count := counts.get(kind))]
    parts = [
        f"{_counted(hits, 'hit', 'hits')}{_in_brackets(kinds)}",
        _counted(counts.get(MISS, 0), "miss", "misses"),
    ]
    if other := counts.get(OTHER):
        parts.append(f"{other:,} to other endpoints")
    return ", ".join(parts)


def _in_brackets(words: list[str]) -> str:
    return f" ({', '.join(words)})" if words else ""


def _rest(count: int) -> Iterable[str]:
    if count > _SHOWN:
        yield f"  and {count - _SHOWN:,} more"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
