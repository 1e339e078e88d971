"""From a journal to a cassette: all at once, and the same however often it is tried."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.store import Claim, claim, load

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.recorder.recording.journal import Journal


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A cassette that a journal has become."""

    cassette: str
    """Its path."""
    interactions: int
    """Of this recording."""


def finish(journal: Journal, *, claimed: bool = False) -> Finished | None:
    """Write the cassette and remove the journal; `None` where nothing was recorded.

    `claimed` says that the right to write it is held already, here or in the process above.

    Raises:
        CassetteError: the cassette cannot be written, or somebody else is writing it; the journal stays.
        OSError: the journal cannot be read.
    """
    interactions = journal.interactions()
    if interactions and not _is_done(journal):
        before = load(journal.cassette) if journal.header.base else Cassette()
        # Of those that were there before: a finish that was cut short may have added ours already.
        whole = (*before.interactions[: journal.header.base], *interactions)
        metadata = before.metadata | {"recorder": f"tokentape {version('tokentape')}"}
        _save(Cassette(interactions=whole, metadata=metadata), journal.cassette, claimed=claimed)
    cassette = journal.cassette
    journal.remove()
    return Finished(cassette=str(cassette), interactions=len(interactions)) if interactions else None


def _is_done(journal: Journal) -> bool:
    """Whether a finish that was cut short got as far as writing the cassette."""
    cassette = journal.cassette
    if not journal.header.fresh or not cassette.exists():
        return False
    if len(load(cassette).interactions) == len(journal):
        return True
    raise CassetteError(f"{cassette} was made by somebody else meanwhile: move it away, and record again.")


def _save(cassette: Cassette, path: Path, *, claimed: bool) -> None:
    if claimed:
        Claim(path).save(cassette)
        return
    with claim(path) as held:
        held.save(cassette)
