"""SQLAlchemy engines, set up so that readers never disturb writers.

SQLite, WAL mode: readers see a snapshot and block nobody; one writer at a time, across processes.
`synchronous=NORMAL` means that a commit reaches the operating system at once, and the disk at the next
checkpoint: killing the process loses nothing committed, losing power may lose the last moments, and
neither can break the file (https://www.sqlite.org/pragma.html#pragma_synchronous). `FULL` would wait
for the disk ten times a second to save those moments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy.engine import Connection, Engine

    from tokentape.proxy.ledger.location import Location

Isolation = Literal["READ COMMITTED", "REPEATABLE READ"]

BUSY_SECONDS: Final = 1.0
"""How long one statement waits for another process's write."""
CONNECT_SECONDS: Final = 3

_NEW: Final = "PRAGMA auto_vacuum = INCREMENTAL"
"""Only a new file takes this: pages of deleted rows can then be given back in small steps."""
_SQLITE: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    "PRAGMA journal_size_limit = 67108864",
)
_TIMEOUTS: Final = {"READ COMMITTED": 10, "REPEATABLE READ": 60}
"""Seconds that one statement may take: of the writer, which is waited for at the end, and of a report."""
_POSTGRES: Final = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "tokentape",
    "tcp_user_timeout": 10_000,
}


def make_engine(location: Location, *, isolation: Isolation = "REPEATABLE READ") -> Engine:
    """An engine whose connections are opened when asked for and closed after use.

    Args:
        location: of the ledger.
        isolation: PostgreSQL's; by default a reader sees one snapshot, as in SQLite.
    """
    if location.postgres is not None:
        options = f"-c lock_timeout=5s -c statement_timeout={_TIMEOUTS[isolation]}s"
        return create_engine(
            location.url,
            poolclass=NullPool,
            connect_args={**_POSTGRES, "options": options},
            isolation_level=isolation,
        )
    engine = create_engine(
        location.url,
        poolclass=NullPool,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    # On a file that is there already it would wait for the writer's lock, and write.
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        connection.execute(_NEW)
    for pragma in _SQLITE:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    """The driver would begin only at the first write: a report reads one snapshot."""
    options: Any = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")
