"""What the supervisor tells an observer's process, apart from it: the supervisor loads no sinks."""

from __future__ import annotations

import os
from decimal import Decimal  # noqa: TC003 - msgspec reads it
from pathlib import Path
from typing import Any

import msgspec


class Spooling(msgspec.Struct, frozen=True, kw_only=True):
    """How an observer hands over what is to be recorded."""

    recorder: str
    """Path of the recorder's Unix socket."""
    folder: str
    """On whose disk spools are."""
    limit: int
    """Bytes that the recording may take up."""


class ObserverProcess(msgspec.Struct, frozen=True, kw_only=True):
    """Which sinks there are, and what all of it needs. Holds no secrets: it stands on a command line."""

    listener: int
    """File descriptor of the Unix listening socket, see `ObserverConfig`."""
    lifeline: int
    """File descriptor of a pipe that ends when the supervisor does."""
    salt_file: str
    """Where the salt of all hashes is kept, in the private folder."""
    money_file: str
    """Where `Money` is kept, in the private folder."""
    exporting_file: str | None = None
    """Where `Exporting` is kept, in the private folder; without one nothing is exported."""
    admin: int | None = None
    """File descriptor of the admin port's listening socket; without one nothing is scraped."""
    metric_labels: tuple[str, ...] = ("project",)
    max_label_values: int = 20
    console: bool = False
    """Print a line per call on stdout."""
    totals: str | None = None
    """A file for the sums over all calls."""
    spooling: Spooling | None = None
    """Where exchanges are recorded."""


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """What an observer needs for bills and ledger. URLs in it may hold passwords."""

    ledger: str = ""
    """As the option; `none` for no ledger."""
    keep_days: int = 400
    timezone: str = "UTC"
    budgets: dict[str, dict[str, Decimal]] = {}
    """USD by project (`_all`: all of them) and window."""
    webhook: str = ""
    prices: dict[str, Any] = {}
    """The user's own prices, as in a file."""


def write_money(path: Path, money: Money) -> None:
    """Write it for the user's eyes only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(money))


def read_money(path: str) -> Money:
    """Read what `write_money` wrote."""
    return msgspec.json.decode(Path(path).read_bytes(), type=Money)
