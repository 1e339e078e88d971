"""What became of a recording: kept in a file, so that neither a dead recorder nor a new one loses count."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.recording.finishing import Finished  # noqa: TC001 - msgspec reads it
from tokentape.recorder.recording.takes import Loss  # noqa: TC001 - same

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.recorder.recording.handover import Batch

NAMED: Final = 1000
"""Losses that are named; the rest is counted."""


class Heard(msgspec.Struct, kw_only=True):
    """What one observer has told."""

    batch: int = 0
    """The number of its last batch that was worked off."""
    seen: dict[str, int] = {}
    """By worker."""


class Outcome(msgspec.Struct, kw_only=True):
    """All of it."""

    recorded: int = 0
    refused: dict[str, int] = {}
    """Exchanges without anything to keep, by reason."""
    losses: list[Loss] = []
    more_losses: int = 0
    """Beside those that are named."""
    observers: dict[str, Heard] = {}
    carried: dict[str, int] = {}
    """By worker."""
    finished: list[Finished] = []
    errors: list[str] = []
    """Journals that could not become cassettes, each in a sentence."""

    def lose(self, loss: Loss) -> None:
        """Name it, or count it."""
        if len(self.losses) < NAMED:
            self.losses.append(loss)
        else:
            self.more_losses += 1

    def heard(self, observer: str, batch: Batch) -> None:
        """A batch has been worked off."""
        told = self.observers.setdefault(observer, Heard())
        told.batch = batch.number
        told.seen = told.seen | batch.seen
        for worker, carried in batch.carried.items():
            self.carried[worker] = max(carried, self.carried.get(worker, 0))
        for loss in batch.losses:
            self.lose(loss)
        self.more_losses += batch.more_losses

    @property
    def unseen(self) -> int:
        """Exchanges that were carried, and of which no observer could tell anything."""
        missing = 0
        for worker, carried in self.carried.items():
            seen = sum(heard.seen.get(worker, 0) for heard in self.observers.values())
            missing += max(0, carried - seen)
        return missing

    @property
    def lost(self) -> int:
        """Exchanges that should have been recorded, and those of which nobody knows."""
        return len(self.losses) + self.more_losses + self.unseen


def read_outcome(path: Path) -> Outcome:
    """The outcome kept at `path`; nothing where there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outcome)
    except (OSError, msgspec.MsgspecError):
        return Outcome()


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Keep it; a disk that cannot take it must not disturb the rest."""
    with contextlib.suppress(OSError):
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(outcome))
        fresh.replace(path)
