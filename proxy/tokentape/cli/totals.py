"""What a run amounted to: a few sums over its calls, kept in a file between two observers.

The observer writes the file, at most once a second and at its end; whoever started it reads it when
all is over. A sum survives the death of an observer but for that second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tokentape.cli.tokens import Tokens

if TYPE_CHECKING:
    from pathlib import Path


class Totals(msgspec.Struct):
    """The sums."""

    calls: int = 0
    errors: int = 0
    """Calls that did not end well, those aside that the client itself broke off."""
    aborted: int = 0
    """Calls that the client broke off."""
    tokens: Tokens = msgspec.field(default_factory=Tokens)
    models: dict[str, list[int]] = {}
    """By model: the sums of a report, as the ledger has them (`SUMS`, then first and last use)."""
    unmetered: dict[str, int] = {}
    """By worker: calls that were carried but not understood, and so are in no other sum."""


def read_totals(path: Path) -> Totals:
    """The sums kept at `path`; all 0 where there are none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Totals)
    except (OSError, msgspec.MsgspecError):
        return Totals()
