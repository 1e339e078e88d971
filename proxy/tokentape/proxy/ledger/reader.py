"""A ledger opened for reading."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from tokentape.proxy.ledger.engines import make_engine
from tokentape.proxy.ledger.errors import NoLedgerError, UnavailableError
from tokentape.proxy.ledger.migrations import migrate, version_of
from tokentape.proxy.ledger.schema import losses, meta

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy.engine import Connection

    from tokentape.proxy.ledger.location import Location


class Reader:
    """Gives out connections, each of which sees one snapshot. Safe to share between threads.

    Attributes:
        identity: which ledger this is.
    """

    def __init__(self, location: Location) -> None:
        """Open a ledger that is there; an older schema is brought up to date.

        Raises:
            NoLedgerError: there is none.
            NewerLedgerError: it was written by a later version.
            UnavailableError: it cannot be read now.
        """
        self.location = location
        if location.path is not None and not location.path.exists():
            raise _nothing_at(location)
        self._engine = make_engine(location)
        self.dialect = self._engine.dialect.name
        with self._translated():
            with self._engine.connect() as connection:
                if not version_of(connection):
                    raise _nothing_at(location)
            self.identity = migrate(self._engine)

    @contextmanager
    def snapshot(self) -> Generator[Connection]:
        """A connection whose every query sees the same state.

        Raises:
            UnavailableError: it cannot be read now.
        """
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as failure:
            reason = (str(failure.orig).strip() or "no reason given").splitlines()[0]
            raise UnavailableError(f"The ledger {self.location} cannot be read now ({reason}).") from failure


def _nothing_at(location: Location) -> NoLedgerError:
    return NoLedgerError(f"There is no ledger at {location} yet: it begins with the first proxy on it.")


def kept_from(connection: Connection) -> int:
    """Microseconds since the epoch before which the ledger may be half forgotten."""
    value = connection.scalar(select(meta.c.value).where(meta.c.name == "kept_from"))
    return int(value) if value else 0


def lost(connection: Connection) -> dict[str, int]:
    """Calls that writers counted as lost, and could say so later, by reason."""
    found: dict[str, int] = {}
    for reason, rows in connection.execute(select(losses.c.reason, losses.c.rows)):
        found[reason] = found.get(reason, 0) + rows
    return found
