"""The open journals of a recording: one for a command, one for each session in a folder."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.recording.finishing import finish
from tokentape.recorder.recording.journal import SUFFIX, Header, Journal, JournalError, open_locked
from tokentape.recorder.recording.session import file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tokentape.recorder.recording.finishing import Finished

_SCAN_SECONDS: Final = 2.0
_MOST_OPEN: Final = 256
"""Sessions at a time: of more, the one that was quiet for longest is over. Each is an open file."""
_BUSIEST: Final = 10_000
"""Cassettes of one session in one folder."""


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """What closing one journal came to."""

    finished: Finished | None = None
    error: str = ""


class Shelf(Protocol):
    """Where interactions are put."""

    by_session: bool
    """Whether it matters which session an interaction is of."""

    def journal(self, session: str) -> Journal:
        """The journal of a session, opened where it is not.

        Raises:
            OSError: that cannot be done.
        """
        ...

    def close_idle(self) -> Iterator[Closed]:
        """Finish what nothing was added to for long."""
        ...

    def close(self) -> Iterator[Closed]:
        """Finish everything."""
        ...

    def used(self) -> int:
        """Bytes that all of it takes up."""
        ...


class OneJournal:
    """The shelf of a command that records one session; its journal was begun, and is locked, by others."""

    by_session = False

    def __init__(self, cassette: Path, descriptor: int) -> None:
        """Take it over.

        Raises:
            JournalError: it is none.
        """
        journal = Journal.reopen(journal_path(cassette), os.dup(descriptor))
        if journal is None:
            raise JournalError(f"The journal of {cassette} is empty.")
        self._journal = journal

    def journal(self, session: str) -> Journal:
        """See `Shelf`."""
        del session
        return self._journal

    def close_idle(self) -> Iterator[Closed]:
        """See `Shelf`."""
        yield from ()

    def close(self) -> Iterator[Closed]:
        """See `Shelf`."""
        yield _closed(self._journal, claimed=True)

    def used(self) -> int:
        """See `Shelf`."""
        # It will stand there twice for a moment.
        return 2 * self._journal.size


class Folder:
    """The shelf of a proxy that records session by session. Journals that a crash left go on.

    Args:
        folder: where they are.
        idle: seconds without an exchange after which a session is over.
        clock: monotonic seconds.
    """

    by_session = True

    def __init__(self, folder: Path, idle: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._idle = idle
        self._open: dict[str, Journal] = {}
        self._last: dict[str, float] = {}
        self._early: list[Closed] = []
        self._scanned = (0, -_SCAN_SECONDS)
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            self._take_over(path)

    def journal(self, session: str) -> Journal:
        """See `Shelf`."""
        found = self._open.get(session)
        if found is None:
            self._make_room()
            found = self._open[session] = Journal.create(self._free_path(session), Header(session=session))
        self._last[session] = self._clock()
        return found

    def close_idle(self) -> Iterator[Closed]:
        """See `Shelf`."""
        early, self._early = self._early, []
        yield from early
        now = self._clock()
        for session in [name for name, last in self._last.items() if now - last >= self._idle]:
            yield self._close(session)

    def close(self) -> Iterator[Closed]:
        """See `Shelf`."""
        yield from self._early
        for session in list(self._open):
            yield self._close(session)

    def used(self) -> int:
        """See `Shelf`."""
        size, at = self._scanned
        now = self._clock()
        if now - at >= _SCAN_SECONDS:
            size = sum(_size(entry) for entry in os.scandir(self._folder))
            self._scanned = (size, now)
        return size + sum(journal.size for journal in self._open.values())

    def _close(self, session: str) -> Closed:
        del self._last[session]
        return _closed(self._open.pop(session))

    def _make_room(self) -> None:
        while len(self._open) >= _MOST_OPEN:
            self._early.append(self._close(min(self._last, key=self._last.__getitem__)))

    def _take_over(self, path: Path) -> None:
        age = time.time() - path.stat().st_mtime  # noqa: TID251 - a file's own time
        try:
            journal = Journal.reopen(path, open_locked(path))
        except (JournalError, OSError):
            return  # Another's, or no journal: it stays as it is.
        if journal is None:
            path.unlink(missing_ok=True)
            return
        session = journal.header.session
        if session in self._open:
            journal.close()
            return
        self._open[session] = journal
        self._last[session] = self._clock() - max(0.0, age)

    def _free_path(self, session: str) -> Path:
        """The name of the session, or that with a number: nothing that is there is written over."""
        name = file_name(session)
        for number in range(1, _BUSIEST):
            stem = name if number == 1 else f"{name}.{number}"
            cassette = self._folder / f"{stem}.yaml"
            journal = journal_path(cassette)
            if not cassette.exists() and not journal.exists():
                return journal
        raise OSError(f"{self._folder} has too many cassettes of the session {name}")


def journal_path(cassette: Path) -> Path:
    """Where the journal of a cassette is."""
    return cassette.with_name(cassette.name + SUFFIX)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0  # It is gone.


def _closed(journal: Journal, *, claimed: bool = False) -> Closed:
    cassette, path = journal.cassette, journal.path
    try:
        return Closed(finished=finish(journal, claimed=claimed))
    except (CassetteError, OSError) as error:
        journal.close()
        why = str(error).rstrip(".")
        return Closed(error=f"{cassette} could not be written ({why}): what was recorded is in {path}.")
