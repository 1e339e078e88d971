"""From any earlier schema to today's: numbered steps of plain DDL, each in a file for each database.

Rules:

- A step that has been released never changes. A new one takes the next number.
- A new ledger goes the same way from the first step on, so every step runs in every test.
- All steps that are due run in one transaction, under a lock that other processes wait for.
"""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import inspect, select

from tokentape.proxy.ledger.errors import NewerLedgerError
from tokentape.proxy.ledger.schema import meta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Engine

ADVISORY_LOCK: Final = 0x746F6B656E746170
"""PostgreSQL's lock that writers of a ledger take: "tokentap", as a number."""


class Step(NamedTuple):
    """One change of the schema, for each database."""

    sqlite: str
    postgresql: str


class Identity(NamedTuple):
    """What all proxies on one ledger share."""

    ledger: str
    """Short id, the `ledger` label of the spend gauge."""
    salt: bytes
    """Of all hashes: credentials and users look the same to every proxy."""


def _step(number: int) -> Step:
    folder = files("tokentape.proxy.ledger") / "steps"
    sqlite, postgresql = (
        (folder / f"{number:04}_{database}.sql").read_text(encoding="utf-8")
        for database in ("sqlite", "postgresql")
    )
    return Step(sqlite, postgresql)


def all_steps() -> tuple[Step, ...]:
    """Every step, in order; the schema's version is how many have been taken."""
    return tuple(_step(number) for number in range(1, LATEST + 1))


LATEST: Final = 1


def new_identity() -> Identity:
    """For a ledger that is about to be made."""
    return Identity(secrets.token_hex(4), secrets.token_bytes(16))


def migrate(
    engine: Engine, identity: Identity | None = None, steps: Sequence[Step] | None = None
) -> Identity:
    """Bring a ledger up to date, or make it, and say which it is.

    Args:
        engine: of the ledger's database.
        identity: for a ledger that is made now; random ones by default.
        steps: other steps than `all_steps`, for tests.

    Raises:
        NewerLedgerError: its schema is later than the last step.
    """
    latest = LATEST if steps is None else len(steps)
    with engine.connect() as connection:
        found = read_identity(connection) if version_of(connection) == latest else None
    if found:
        return found
    writing: dict[str, Any] = {"writes": True}
    postgresql = engine.dialect.name == "postgresql"
    if postgresql:
        # A snapshot from before the lock was free would not show what another process has just made.
        writing["isolation_level"] = "READ COMMITTED"
    with engine.execution_options(**writing).begin() as connection:
        if postgresql:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        version = version_of(connection)
        if version > latest:
            raise NewerLedgerError(
                f"The ledger has schema {version} and this tokentape knows {latest}: update tokentape, "
                "or name another ledger with --ledger."
            )
        for step in (all_steps() if steps is None else steps)[version:]:
            _take(connection, step)
        return _stamp(connection, latest, identity or new_identity())


def version_of(connection: Connection) -> int:
    """How many steps the ledger has taken; 0 where there is none yet."""
    if not inspect(connection).has_table(meta.name):
        return 0
    value = connection.scalar(select(meta.c.value).where(meta.c.name == "schema"))
    return int(value) if value else 0


def read_identity(connection: Connection) -> Identity | None:
    """Which ledger this is; `None` where it was never stamped."""
    rows = connection.execute(select(meta.c.name, meta.c.value))
    values: dict[str, str] = {row.name: row.value for row in rows}
    if "salt" not in values:
        return None
    return Identity(values["ledger"], bytes.fromhex(values["salt"]))


def _take(connection: Connection, step: Step) -> None:
    text = step.sqlite if connection.dialect.name == "sqlite" else step.postgresql
    for statement in filter(None, map(str.strip, text.split(";\n"))):
        connection.exec_driver_sql(statement)


def _stamp(connection: Connection, version: int, identity: Identity) -> Identity:
    found = read_identity(connection)
    connection.execute(meta.delete().where(meta.c.name == "schema"))
    connection.execute(meta.insert().values(name="schema", value=str(version)))
    if found:
        return found
    connection.execute(
        meta.insert(),
        [{"name": "ledger", "value": identity.ledger}, {"name": "salt", "value": identity.salt.hex()}],
    )
    return identity
