"""SQL of the writer, made from the schema. Both databases speak it, but for placeholders and least/greatest.

Many rows go into one statement rather than through `executemany`: each run of a statement lets go of the
interpreter's lock and must win it back from the busy observer. With many rows in a statement a
writer beside a busy thread is twice as fast (measured), and SQLite works while the observer does.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.ledger.rollups import KEY, ROLLUP
from tokentape.proxy.ledger.schema import SUMS, WRITTEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS: Final = 128
"""Rows in one statement; fewer go in statements of halved sizes, so that few statements are prepared."""

SQLITE: Final = "?"
POSTGRESQL: Final = "%s"


def chunks(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, list[Any]]]:
    """Rows by 128, then by 64, 32, ... 1: how many, and their values in one list."""
    start, size = 0, ROWS
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield size, list(chain.from_iterable(rows[start : start + size]))
        start += size


def _insert(table: str, columns: Sequence[str], rows: int, placeholder: str) -> str:
    one = f"({', '.join([placeholder] * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([one] * rows)}"  # noqa: S608 - all names are the schema's own


def _upsert(
    table: str, columns: Sequence[str], *, key: Sequence[str], update: Sequence[str], placeholder: str
) -> str:
    sets = ", ".join(f"{name} = excluded.{name}" for name in update)
    return f"{_insert(table, columns, 1, placeholder)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"


@cache
def insert_calls(rows: int) -> str:
    """Rows of `calls`, for SQLite; PostgreSQL copies them."""
    return _insert("calls", WRITTEN, rows, SQLITE)


def _adding(least: str, greatest: str) -> str:
    sets = [f"{name} = rollups.{name} + excluded.{name}" for name in SUMS]
    sets += [
        f"first_at = {least}(rollups.first_at, excluded.first_at)",
        f"last_at = {greatest}(rollups.last_at, excluded.last_at)",
    ]
    return f" ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {', '.join(sets)}"


@cache
def add_rollups(rows: int) -> str:
    """Make the rollups of these keys, or add to them, for SQLite."""
    return _insert("rollups", ROLLUP, rows, SQLITE) + _adding("min", "max")


def copied_rollups() -> tuple[str, str, str]:
    """The same for PostgreSQL: make a place for increments once, copy them there, and add what is there."""
    names = ", ".join(ROLLUP)
    return (
        "CREATE TEMPORARY TABLE IF NOT EXISTS increments (LIKE rollups) ON COMMIT DELETE ROWS",
        f"COPY increments ({names}) FROM STDIN",
        f"INSERT INTO rollups ({names}) SELECT {names} FROM increments"  # noqa: S608 - the schema's own names
        + _adding("least", "greatest"),
    )


def set_mark(placeholder: str) -> str:
    """Say how much of a link is settled: name, settled, marked_at."""
    columns = ("name", "settled", "marked_at")
    return _upsert("marks", columns, key=("name",), update=columns[1:], placeholder=placeholder)


def get_mark(placeholder: str) -> str:
    """How much of a link is settled: name."""
    return f"SELECT settled FROM marks WHERE name = {placeholder}"  # noqa: S608 - only a placeholder is put in


def see_result(placeholder: str) -> str:
    """Take a batch's result, unless it was taken: batch_id, custom_id, seen_at."""
    return (
        _insert("batch_results", ("batch_id", "custom_id", "seen_at"), 1, placeholder)
        + " ON CONFLICT DO NOTHING"
    )


def set_loss(placeholder: str) -> str:
    """Say how many rows a writer has lost: writer, reason, rows, first_at, last_at."""
    columns = ("writer", "reason", "rows", "first_at", "last_at")
    return _upsert("losses", columns, key=columns[:2], update=("rows", "last_at"), placeholder=placeholder)


def forget_calls(placeholder: str) -> str:
    """Delete the oldest calls: before when, and at most how many."""
    oldest = f"WHERE started_at < {placeholder} ORDER BY started_at LIMIT {placeholder}"
    return f"DELETE FROM calls WHERE id IN (SELECT id FROM calls {oldest})"  # noqa: S608 - only placeholders


def oldest_rollup(placeholder: str) -> str:
    """When the first rollup of a level starts: wide, grain."""
    level = f"wide = {placeholder} AND grain = {placeholder}"
    return f"SELECT min(starts) FROM rollups WHERE {level}"  # noqa: S608 - same


def forget_rollups(placeholder: str) -> str:
    """Delete rollups of one level: wide, grain, from when, and before when."""
    level = f"wide = {placeholder} AND grain = {placeholder}"
    starts = f"starts >= {placeholder} AND starts < {placeholder}"
    return f"DELETE FROM rollups WHERE {level} AND {starts}"  # noqa: S608 - same


def forget_results(placeholder: str) -> str:
    """Delete keys of batch results: before when."""
    return f"DELETE FROM batch_results WHERE seen_at < {placeholder}"  # noqa: S608 - same


def forget_marks(placeholder: str) -> str:
    """Delete marks of links that are long gone: before when."""
    return f"DELETE FROM marks WHERE marked_at < {placeholder}"  # noqa: S608 - same


def set_meta(placeholder: str) -> str:
    """Set a value of `meta`: name, value."""
    return _upsert("meta", ("name", "value"), key=("name",), update=("value",), placeholder=placeholder)
