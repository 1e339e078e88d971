"""The writer's side of a database: one connection, whole batches, and what keeps it small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tokentape.proxy.ledger.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentape.proxy.ledger.batch import Batch
    from tokentape.proxy.ledger.location import Location
    from tokentape.proxy.ledger.migrations import Identity
    from tokentape.proxy.ledger.transaction import Loss


class Store(Protocol):
    """An open ledger. Not for use by several threads."""

    identity: Identity

    def write(self, batch: Batch, *, writer: str, losses: Mapping[str, Loss], now: int) -> None:
        """Commit a batch, once however often it is tried.

        Raises:
            RejectedError: these rows cannot be stored as they are.
            UnavailableError: try again later.
        """
        ...

    def gone(self) -> bool:
        """The ledger that was opened is no longer where it was."""
        ...

    def begin_tidying(self, before: int, *, now: int, interval: int) -> bool:
        """Set the horizon and take the turn, if nobody has in `interval` microseconds.

        From then on reports begin at `before`, so that what is half deleted is in none.

        Raises:
            UnavailableError: as in `write`.
        """
        ...

    def tidy(self, before: int) -> bool:
        """Delete one slice of what is older than `before`; whether there may be more.

        Raises:
            UnavailableError: as in `write`.
        """
        ...

    def close(self) -> None:
        """Let go of the database; never raises."""
        ...


def open_store(location: Location, identity: Identity | None = None) -> Store:
    """Open a ledger for writing; make it, or bring it up to date, where needed.

    Raises:
        NewerLedgerError: it was written by a later version.
        UnavailableError: it cannot be opened now.
        LedgerError: a package is missing.
    """
    if location.postgres is None:
        return SqliteStore(location, identity)
    from tokentape.proxy.ledger.postgres import PostgresStore  # noqa: PLC0415 - needs an extra

    return PostgresStore(location, identity)
