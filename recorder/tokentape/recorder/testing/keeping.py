"""Writing what was recorded: whole files, one writer at a time."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from tokentape.recorder.cassette.errors import CassetteBusyError
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.store import claim, load
from tokentape.recorder.testing.settings import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tokentape.recorder.cassette.interaction import Interaction

_TRIES: Final = 200
_PAUSE: Final = 0.05
"""Seconds. Tests that share a cassette write it in turn, each in a moment."""


def keep(path: Path, recorded: Sequence[Interaction], mode: Record) -> bool:
    """Write what a test recorded; whether the file changed.

    Raises:
        CassetteError: it cannot be written.
    """
    if not recorded:
        if mode is Record.REWRITE and path.exists():
            path.unlink()
            return True
        return False
    for left in reversed(range(_TRIES)):
        try:
            _write(path, recorded, mode)
        except CassetteBusyError:
            if not left:
                raise
            time.sleep(_PAUSE)
        else:
            break
    return True


def _write(path: Path, recorded: Sequence[Interaction], mode: Record) -> None:
    with claim(path) as claimed:
        before = Cassette()
        # What another test added to a shared cassette meanwhile is kept.
        if mode in {Record.NEW_EPISODES, Record.ONCE} and path.exists():
            before = load(path)
        metadata = before.metadata | {"recorder": f"tokentape {version('tokentape')}"}
        whole = Cassette(interactions=(*before.interactions, *recorded), metadata=metadata)
        claimed.save(whole)
