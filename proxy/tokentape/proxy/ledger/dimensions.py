"""What a report can be broken down by, and rows filtered by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Text, case, cast, func, literal, select

from tokentape.proxy.ledger.errors import LedgerError
from tokentape.proxy.ledger.schema import DIMENSIONS, calls, rollups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import FromClause

    from tokentape.proxy.ledger.zones import Shift

LABEL: Final = "label:"
TIMES: Final = ("month", "day", "hour")

COLUMNS: Final = {
    **{name: name for name in DIMENSIONS},
    "user": "user_hash",
    "session": "session",
    "batch": "batch_id",
    "outcome": "outcome",
    "engine": "engine",
    "bill": "bill_status",
}
"""Columns of `calls` by what people call them; beside `TIMES` and `label:NAME`."""


class UnknownDimensionError(LedgerError):
    """Nothing is called that."""


class Group(NamedTuple):
    """One thing to group or filter by."""

    name: str
    label: str | None = None

    @property
    def rolled_up(self) -> bool:
        """Rollups know it."""
        return self.name in DIMENSIONS or self.name in TIMES


def group(name: str) -> Group:
    """What a name in `--by` or `--where` means.

    Raises:
        UnknownDimensionError: nothing.
    """
    if name in COLUMNS or name in TIMES:
        return Group(name)
    if name.startswith(LABEL) and len(name) > len(LABEL):
        return Group(name, name.removeprefix(LABEL))
    known = ", ".join((*TIMES, *COLUMNS, f"{LABEL}NAME"))
    raise UnknownDimensionError(f"There is no dimension {name!r}; there are {known}.")


def expression(found: Group, table: FromClause, shifts: Iterable[Shift], dialect: str) -> ColumnElement[Any]:
    """The value to group by: a column, a label, or a piece of local time."""
    if found.name in TIMES:
        return _local_piece(found.name, _seconds(table), tuple(shifts))
    if found.label is not None:
        return label_value(found.label, dialect)
    return table.c[COLUMNS[found.name]]


def condition(found: Group, value: str | None, table: FromClause, dialect: str) -> ColumnElement[bool]:
    """Rows whose value is this; `None` for those that have none."""
    if found.name in TIMES:
        raise UnknownDimensionError(f"A {found.name} is chosen with --since and --until, not as a value.")
    wanted = expression(found, table, (), dialect)
    if value is None:
        nothing: Any = 0 if found.name == "status" else ""
        return wanted == nothing if table is rollups else wanted.is_(None)
    if found.name != "status":
        return wanted == value
    if not value.isdecimal():
        raise UnknownDimensionError(f"A status is a number, not {value!r}.")
    return wanted == int(value)


def label_value(name: str, dialect: str) -> ColumnElement[Any]:
    """The value of a label of `calls`, NULL where it is not set."""
    if dialect == "sqlite":
        if '"' not in name:
            return func.json_extract(calls.c.labels, f'$."{name}"')
        # A path cannot quote this name; members can be searched.
        member = func.json_each(calls.c.labels).table_valued("key", "value")
        return select(member.c.value).where(member.c.key == name).correlate(calls).scalar_subquery()
    return func.json_extract_path_text(cast(calls.c.labels, _Json()), name)


class _Json(Text):
    """PostgreSQL's json, for a cast."""

    __visit_name__ = "JSON"


def _seconds(table: FromClause) -> ColumnElement[int]:
    return calls.c.started_at // 1_000_000 if table is calls else table.c.starts


def _local_piece(name: str, seconds: ColumnElement[int], shifts: tuple[Shift, ...]) -> ColumnElement[int]:
    """The local day's number since 1970, or the UTC second at which the local hour starts."""
    offset = _offset(seconds, shifts)
    if name == "hour":
        return (seconds + offset) // 3600 * 3600 - offset
    return (seconds + offset) // 86400


def _offset(seconds: ColumnElement[int], shifts: tuple[Shift, ...]) -> ColumnElement[int]:
    *changing, last = shifts
    final = cast(literal(last.offset), BigInteger)
    if not changing:
        return final
    return case(*((seconds < shift.until, shift.offset) for shift in changing), else_=final)
