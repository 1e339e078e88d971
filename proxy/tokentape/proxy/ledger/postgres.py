"""The ledger in PostgreSQL, for several proxies; psycopg 3, extra `postgres`.

Writers take turns with an advisory lock for the length of a transaction: so ids are in order of commit
(a reader that follows them misses none), and two writers never wait for each other's rollups in a circle.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy.exc import DBAPIError

from tokentape.proxy.ledger import statements, tidying
from tokentape.proxy.ledger.batch import RejectedError
from tokentape.proxy.ledger.engines import make_engine
from tokentape.proxy.ledger.errors import LedgerError, UnavailableError
from tokentape.proxy.ledger.location import NO_DRIVER
from tokentape.proxy.ledger.migrations import ADVISORY_LOCK, migrate
from tokentape.proxy.ledger.schema import WRITTEN
from tokentape.proxy.ledger.transaction import fill

try:
    import psycopg
except ImportError as missing:
    raise LedgerError(NO_DRIVER) from missing

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from tokentape.proxy.ledger.batch import Batch
    from tokentape.proxy.ledger.location import Location
    from tokentape.proxy.ledger.migrations import Identity
    from tokentape.proxy.ledger.rows import Row
    from tokentape.proxy.ledger.transaction import Loss

_REJECTIONS: Final = (psycopg.DataError, psycopg.IntegrityError, UnicodeError)
_COPY: Final = f"COPY calls ({', '.join(WRITTEN)}) FROM STDIN"
_PLACE, _COPY_ROLLUPS, _ADD_ROLLUPS = statements.copied_rollups()
_LOCK: Final = f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"


class _Hand:
    """Statements on a PostgreSQL connection."""

    placeholder = statements.POSTGRESQL

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any]) -> int:
        return self._connection.execute(_fixed(sql), values).rowcount

    def number(self, sql: str, values: Sequence[Any]) -> int | None:
        found = self._connection.execute(_fixed(sql), values).fetchone()
        return None if found is None else found[0]

    def insert_calls(self, rows: Sequence[Row]) -> None:
        self._copy(_COPY, rows)

    def add_rollups(self, increments: Sequence[Row]) -> None:
        self._connection.execute(_fixed(_PLACE))
        self._copy(_COPY_ROLLUPS, increments)
        self._connection.execute(_fixed(_ADD_ROLLUPS))

    def _copy(self, sql: str, rows: Sequence[Row]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(_fixed(sql)) as copy:
            for row in rows:
                copy.write_row(row)


class PostgresStore:
    """See `store.Store`."""

    def __init__(self, location: Location, identity: Identity | None = None) -> None:
        """Open it; raises as `store.open_store` says."""
        self._shown = str(location)
        try:
            engine = make_engine(location, isolation="READ COMMITTED")
            self.identity = migrate(engine, identity)
            self._pool = engine.raw_connection()
        except (psycopg.Error, DBAPIError, OSError) as failure:
            raise UnavailableError(self._sentence(failure)) from failure
        self.connection = cast("psycopg.Connection[Any]", self._pool.driver_connection)
        self._hand = _Hand(self.connection)

    def write(self, batch: Batch, *, writer: str, losses: Mapping[str, Loss], now: int) -> None:
        """See `store.Store`."""
        try:
            with self._transaction():
                fill(self._hand, batch, writer=writer, losses=losses, now=now)
        except _REJECTIONS as failure:
            raise RejectedError(str(failure)) from failure
        except psycopg.Error as failure:
            raise UnavailableError(self._sentence(failure)) from failure

    def gone(self) -> bool:
        """A server that went away says so at the next statement."""
        return False

    def begin_tidying(self, before: int, *, now: int, interval: int) -> bool:
        """See `store.Store`."""
        try:
            with self._transaction():
                return tidying.take_turn(self._hand, before, now=now, interval=interval)
        except psycopg.Error as failure:
            raise UnavailableError(self._sentence(failure)) from failure

    def tidy(self, before: int) -> bool:
        """See `store.Store`. Space is given back by the server's autovacuum."""
        try:
            with self._transaction():
                return tidying.forget_slice(self._hand, before)
        except psycopg.Error as failure:
            raise UnavailableError(self._sentence(failure)) from failure

    def close(self) -> None:
        """See `store.Store`."""
        with contextlib.suppress(psycopg.Error, DBAPIError):
            self._pool.close()

    @contextlib.contextmanager
    def _transaction(self) -> Generator[None]:
        with self.connection.transaction():
            self.connection.execute(_fixed(_LOCK))
            yield

    def _sentence(self, failure: Exception) -> str:
        cause = failure.orig if isinstance(failure, DBAPIError) else failure
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        advice = "check that the server runs and lets you in"
        return f"The ledger {self._shown} cannot be used now ({reason}): {advice}."


def _fixed(sql: str) -> bytes:
    """Psycopg takes text as SQL only where it is a literal; ours is made of the schema's own names."""
    return sql.encode()
