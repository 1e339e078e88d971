"""An observer's ledger: opened where that can be done, without waiting where it cannot."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from tokentape.cli.webhook import Announcer
from tokentape.proxy.ledger.errors import LedgerError
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.migrations import Identity
from tokentape.proxy.ledger.queries import seen
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.retention import Retention
from tokentape.proxy.ledger.sink import LedgerSink
from tokentape.proxy.ledger.store import open_store
from tokentape.proxy.ledger.watching import Watch
from tokentape.proxy.observer.process import read_salt

if TYPE_CHECKING:
    from tokentape.cli.observer_process import Money
    from tokentape.proxy.ledger.location import Location

NONE = "none"


class Keeping(NamedTuple):
    """A ledger, and who looks after it."""

    sink: LedgerSink
    watch: Watch
    announcer: Announcer
    salt: bytes
    location: Location


def keep(money: Money, salt_file: str) -> Keeping | None:
    """The ledger that was asked for; `None` where none was."""
    if money.ledger == NONE:
        return None
    location = locate(money.ledger)
    identity = _identity(location, read_salt(Path(salt_file)))
    announcer = Announcer(money.webhook)
    return Keeping(
        LedgerSink(location, identity=identity, retention=Retention(money.keep_days)),
        Watch(location, ZoneInfo(money.timezone), money.budgets, announcer),
        announcer,
        identity.salt,
        location,
    )


def _identity(location: Location, salt: bytes) -> Identity:
    """The ledger's own, or, where it cannot be had now, one for the ledger to be made."""
    fresh = Identity(secrets.token_hex(4), salt)
    try:
        store = open_store(location, fresh)
    except LedgerError:
        return fresh
    store.close()
    return store.identity


def seen_sets(location: Location) -> set[tuple[str, str]]:
    """Models and projects that the ledger saw lately; none where it cannot be read."""
    try:
        return seen(Reader(location))
    except LedgerError:
        return set()
