"""The ledger in one SQLite file, which several processes may share."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy.exc import DBAPIError

from tokentape.proxy.ledger import statements, tidying
from tokentape.proxy.ledger.batch import RejectedError
from tokentape.proxy.ledger.engines import make_engine
from tokentape.proxy.ledger.errors import UnavailableError
from tokentape.proxy.ledger.location import make_private
from tokentape.proxy.ledger.migrations import migrate
from tokentape.proxy.ledger.transaction import fill

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from tokentape.proxy.ledger.batch import Batch
    from tokentape.proxy.ledger.location import Location
    from tokentape.proxy.ledger.migrations import Identity
    from tokentape.proxy.ledger.rows import Row
    from tokentape.proxy.ledger.transaction import Loss

_REJECTIONS: Final = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,
)
_VACUUM_PAGES: Final = 256


class _Hand:
    """Statements on an SQLite connection."""

    placeholder = statements.SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any]) -> int:
        return self._connection.execute(sql, values).rowcount

    def number(self, sql: str, values: Sequence[Any]) -> int | None:
        found = self._connection.execute(sql, values).fetchone()
        return None if found is None else found[0]

    def insert_calls(self, rows: Sequence[Row]) -> None:
        for count, values in statements.chunks(rows):
            self._connection.execute(statements.insert_calls(count), values)

    def add_rollups(self, increments: Sequence[Row]) -> None:
        for count, values in statements.chunks(increments):
            self._connection.execute(statements.add_rollups(count), values)


class SqliteStore:
    """See `store.Store`."""

    def __init__(self, location: Location, identity: Identity | None = None) -> None:
        """Open it; raises as `store.open_store` says."""
        self._path = cast("Path", location.path)
        try:
            make_private(self._path)
            engine = make_engine(location)
            self.identity = migrate(engine, identity)
            self._file = self._path.stat().st_ino
            self._pool = engine.raw_connection()
        except (OSError, sqlite3.Error, DBAPIError) as failure:
            raise UnavailableError(_sentence(self._path, failure)) from failure
        self.connection = cast("sqlite3.Connection", self._pool.driver_connection)
        self._hand = _Hand(self.connection)

    def write(self, batch: Batch, *, writer: str, losses: Mapping[str, Loss], now: int) -> None:
        """See `store.Store`."""
        try:
            with self._transaction():
                fill(self._hand, batch, writer=writer, losses=losses, now=now)
        except _REJECTIONS as failure:
            raise RejectedError(str(failure)) from failure
        except sqlite3.Error as failure:
            raise UnavailableError(_sentence(self._path, failure)) from failure

    def gone(self) -> bool:
        """The file was deleted or replaced: what is written to the open one, nobody will ever read."""
        try:
            return self._path.stat().st_ino != self._file
        except OSError:
            return True

    def begin_tidying(self, before: int, *, now: int, interval: int) -> bool:
        """See `store.Store`."""
        try:
            with self._transaction():
                return tidying.take_turn(self._hand, before, now=now, interval=interval)
        except sqlite3.Error as failure:
            raise UnavailableError(_sentence(self._path, failure)) from failure

    def tidy(self, before: int) -> bool:
        """See `store.Store`. Gives pages back where more than a quarter of the file is empty."""
        try:
            with self._transaction():
                more = tidying.forget_slice(self._hand, before)
            return self._shrink() or more
        except sqlite3.Error as failure:
            raise UnavailableError(_sentence(self._path, failure)) from failure

    def close(self) -> None:
        """See `store.Store`."""
        with contextlib.suppress(sqlite3.Error):
            self._pool.close()

    @contextlib.contextmanager
    def _transaction(self) -> Generator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")

    def _shrink(self) -> bool:
        empty = self._hand.number("PRAGMA freelist_count", ()) or 0
        pages = self._hand.number("PRAGMA page_count", ()) or 0
        if empty * 4 < pages or empty < _VACUUM_PAGES:
            return False
        self.connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
        return (self._hand.number("PRAGMA freelist_count", ()) or 0) < empty


def _sentence(path: Path, failure: Exception) -> str:
    cause = failure.orig if isinstance(failure, DBAPIError) else failure
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    advice = "make room or access, or name another with --ledger"
    return f"The ledger {path} cannot be used now ({reason}): {advice}."
