"""Single calls out of a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import func, select

from tokentape.proxy.ledger.dimensions import condition, group
from tokentape.proxy.ledger.reader import kept_from
from tokentape.proxy.ledger.report import micros
from tokentape.proxy.ledger.rows import Recorded, read_row
from tokentape.proxy.ledger.schema import calls
from tokentape.proxy.ledger.selection import EVERYTHING, Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection

    from tokentape.proxy.ledger.reader import Reader

Sort = Literal["time", "cost", "ttft"]

_PAGE: Final = 1000


def listing(
    reader: Reader,
    *,
    of: Selection = EVERYTHING,
    sort: Sort = "time",
    limit: int = 20,
) -> list[Recorded]:
    """The newest, the dearest, or the slowest of the selected calls, at most `limit`.

    Args:
        reader: of the ledger.
        of: which calls.
        sort: `cost` leaves out what has no price, `ttft` what was no stream.
        limit: how many.

    Raises:
        UnknownDimensionError: something to select by does not exist.
        UnavailableError: the ledger cannot be read now.
    """
    newest = (calls.c.started_at.desc(), calls.c.id.desc())
    key = {"cost": calls.c.usd, "ttft": calls.c.ttft}.get(sort)
    with reader.snapshot() as connection:
        query = _filtered(connection, of, reader.dialect).limit(limit)
        if key is not None:
            query = query.where(key.is_not(None)).order_by(key.desc(), *newest)
        else:
            query = query.order_by(*newest)
        return _recorded(connection.execute(query).mappings().all())


def following(
    reader: Reader,
    after: int,
    *,
    of: Selection = EVERYTHING,
    limit: int = _PAGE,
) -> list[Recorded]:
    """Calls committed after the one with the id `after`, in order of commit; ask again with the last id."""
    with reader.snapshot() as connection:
        query = _filtered(connection, of, reader.dialect)
        query = query.where(calls.c.id > after).order_by(calls.c.id).limit(limit)
        return _recorded(connection.execute(query).mappings().all())


def newest_id(reader: Reader) -> int:
    """Where to begin to follow: the id of the newest row, or 0."""
    with reader.snapshot() as connection:
        return connection.scalar(select(func.max(calls.c.id))) or 0


def each_call(reader: Reader, of: Selection = EVERYTHING) -> Iterator[Recorded]:
    """Every selected call, for pricing it anew: in no order, a page in memory at a time."""
    with reader.snapshot() as connection:
        query = _filtered(connection, of, reader.dialect)
        with connection.execution_options(yield_per=_PAGE).execute(query) as found:
            for row in found.mappings():
                yield read_row(_plain(row))


def _filtered(connection: Connection, of: Selection, dialect: str) -> Select[Any]:
    wanted: list[ColumnElement[bool]] = []
    start = max(micros(of.since) if of.since else 0, kept_from(connection))
    if start:
        wanted.append(calls.c.started_at >= start)
    if of.until:
        wanted.append(calls.c.started_at < micros(of.until))
    wanted += [condition(group(name), value, calls, dialect) for name, value in of.where.items()]
    return select(calls).where(*wanted)


def _recorded(rows: Sequence[Mapping[Any, Any]]) -> list[Recorded]:
    return [read_row(_plain(row)) for row in rows]


def _plain(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    return dict(row)
