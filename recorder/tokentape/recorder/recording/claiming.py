"""What a recording is to be written to: nobody else's, and nothing that is there already unless told so.

The locks are the operating system's, held by a file that stays open here and in the recorder, which
inherits it: they end with the last of both, however they end.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from tokentape.recorder.cassette.store import load
from tokentape.recorder.recording.finishing import finish
from tokentape.recorder.recording.journal import Header, Journal, lock, open_locked
from tokentape.recorder.recording.shelf import journal_path

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.recorder.recording.finishing import Finished


class ExistsError(Exception):
    """There is a cassette already. The text is one sentence for the user."""


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A target that is ours."""

    descriptor: int
    """Of the locked file or folder."""
    recovered: Finished | None = None
    """What an earlier recording of the same cassette, which was cut short, came to."""


def claim_cassette(cassette: Path, *, append: bool = False, overwrite: bool = False) -> Claimed:
    """Begin the journal of a cassette. The caller holds the claim of `cassette.store` on it.

    Raises:
        ExistsError: there is such a cassette, and neither `append` nor `overwrite` is asked for.
        JournalBusyError: it is being recorded to.
        JournalError: its journal is of another version.
        CassetteError: what is there cannot be read, or an earlier recording cannot be written.
        OSError: its folder cannot be written.
    """
    path = journal_path(cassette)
    recovered = None
    while True:
        descriptor = open_locked(path)
        earlier = Journal.reopen(path, descriptor)
        if earlier is None:
            break
        recovered = finish(earlier, claimed=True) or recovered
    if cassette.exists() and not append and not overwrite:
        path.unlink()
        os.close(descriptor)
        raise ExistsError(_exists(cassette, recovered))
    base = len(load(cassette).interactions) if append and cassette.exists() else 0
    Journal.begin(path, descriptor, Header(base=base, fresh=not cassette.exists()))
    return Claimed(descriptor=descriptor, recovered=recovered)


def let_go(cassette: Path, claimed: Claimed) -> None:
    """Let go of a cassette; a journal that nothing was written to goes."""
    path = journal_path(cassette)
    if path.exists():
        journal = Journal.reopen(path, os.dup(claimed.descriptor))
        if journal is not None:
            (journal.close if len(journal) else journal.remove)()
    os.close(claimed.descriptor)


def claim_folder(folder: Path) -> Claimed:
    """Lock a folder of cassettes, made where it is missing.

    Raises:
        JournalBusyError: another process records to it.
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    lock(descriptor, folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        os.close(descriptor)
        raise PermissionError(13, os.strerror(13))
    return Claimed(descriptor=descriptor)


def _exists(cassette: Path, recovered: Finished | None) -> str:
    if recovered is not None:
        what = f"{recovered.interactions} interaction{'' if recovered.interactions == 1 else 's'}"
        return (
            f"An earlier recording of {cassette} was cut short, and is in it now ({what}): use --append to "
            "add to it, --overwrite to replace it, or name another file."
        )
    return f"{cassette} exists: use --append to add to it, --overwrite to replace it, or name another file."
