"""Questions to a ledger. Each is answered from one snapshot, and disturbs no writer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, literal_column, select

from tokentape.proxy.ledger import sums, zones
from tokentape.proxy.ledger.cover import MICRO, Piece, cover
from tokentape.proxy.ledger.dimensions import TIMES, Group, condition, expression, group
from tokentape.proxy.ledger.reader import kept_from
from tokentape.proxy.ledger.report import Report, ReportRow, make_row, micros, moment
from tokentape.proxy.ledger.schema import GRAINS, NARROW, SUMS, calls, rollups
from tokentape.proxy.ledger.selection import EVERYTHING, Selection
from tokentape.proxy.ledger.zones import Shift, shifts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from tokentape.proxy.ledger.reader import Reader

_ALL: Final = tuple(SUMS)
Key = tuple[Any, ...]


class _Question:
    """A report's parts, understood."""

    def __init__(
        self, by: Sequence[str], where: Mapping[str, str | None], zone: tzinfo, span: tuple[int, int]
    ) -> None:
        self.by = [group(name) for name in by]
        self.where = [(group(name), value) for name, value in where.items()]
        self.zone = zone
        self.since, self.until = span
        self.shifts: tuple[Shift, ...] = shifts(zone, self.since // MICRO, self.until // MICRO + 1)

    @property
    def wide(self) -> int:
        """1 where narrow rollups do not know what is asked for."""
        return int(any(found.name not in (*NARROW, *TIMES) for found in self._asked()))

    def _asked(self) -> list[Group]:
        return [*self.by, *(found for found, _ in self.where)]

    def pieces(self) -> list[Piece]:
        """Rollups wherever they know what is asked for."""
        span = [self.since, self.until]
        if self.since >= self.until:
            return []
        if not all(found.rolled_up for found in self._asked()):
            return [Piece(0, *span)]
        grains = GRAINS[self.wide]
        times = {found.name for found in self.by} & set(TIMES)
        if "hour" in times:
            return cover(span, zones.hourly(self.shifts, grains))
        if not times:
            return cover(span, grains)
        begin = zones.day_start if "day" in times else zones.month_start
        starts = zones.starts(self.zone, self.since // MICRO, -(-self.until // MICRO), begin)
        inside = [start * MICRO for start in starts if self.since < start * MICRO < self.until]
        return cover([self.since, *inside, self.until], grains)

    def key(self, values: Sequence[Any]) -> Key:
        """The names of what was selected."""
        return tuple(self._name(found, value) for found, value in zip(self.by, values, strict=True))

    def _name(self, found: Group, value: Any) -> str | int | None:
        if found.name == "hour":
            return zones.hour_name(self.zone, int(value))
        if found.name in TIMES:
            day = zones.day_name(int(value))
            return day[:7] if found.name == "month" else day
        # A rollup's '' and 0 are the rows' NULL.
        return value or None


def report(
    reader: Reader,
    *,
    of: Selection = EVERYTHING,
    by: Sequence[str] = (),
    zone: tzinfo = UTC,
) -> Report:
    """Sum the selected calls.

    Args:
        reader: of the ledger.
        of: which calls; they end now by default.
        by: `day`, `hour`, `month` (of `zone`), a key of `dimensions.COLUMNS`, or `label:NAME`.
        zone: whose days, hours and months.

    Raises:
        UnknownDimensionError: something to group or select by does not exist.
        UnavailableError: the ledger cannot be read now.
    """
    with reader.snapshot() as connection:
        span = _span(connection, of.since, of.until)
        question = _Question(by, of.where, zone, span)
        found = _answer(connection, question, _ALL, reader.dialect)
    rows = [make_row(dict(zip(by, key, strict=True)), values) for key, values in found.items()]
    return Report(
        since=moment(span[0]),
        until=moment(span[1]),
        by=tuple(by),
        rows=tuple(sorted(rows, key=_order(by))),
        total=_total(list(found.values())),
    )


def _total(all_sums: list[list[int]]) -> ReportRow:
    if not all_sums:
        return ReportRow(keys={})
    total = all_sums[0].copy()
    for values in all_sums[1:]:
        sums.add(total, values)
    return make_row({}, total)


def _order(by: Sequence[str]) -> Any:
    """Times in order, and under each time, or where there is none, the dearest first."""
    times = [name for name in by if name in TIMES]

    def key(row: ReportRow) -> tuple[Any, ...]:
        dearest = (-row.usd, -row.subscription_usd, -row.calls)
        return (*(str(row.keys[name]) for name in times), *dearest, *map(str, row.keys.values()))

    return key


def _span(connection: Connection, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Microseconds; never before what the ledger still holds in full."""
    end = micros(until or datetime.now(UTC) + timedelta(seconds=1))
    if since is None:
        first = connection.scalar(select(func.min(calls.c.started_at)))
        start = end if first is None else first
    else:
        start = micros(since)
    return max(start, kept_from(connection)), end


def _answer(
    connection: Connection, question: _Question, names: Sequence[str], dialect: str
) -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = {}
    for piece in question.pieces():
        table = rollups if piece.grain else calls
        groups = [
            expression(one, table, question.shifts, dialect).label(f"group{number}")
            for number, one in enumerate(question.by)
        ]
        wanted = [condition(one, value, table, dialect) for one, value in question.where]
        wanted += _within(piece, question.wide)
        query = select(*groups, *sums.columns(names, table)).where(*wanted)
        # Without anything to group by, a sum over nothing is still a row.
        query = (
            query.group_by(*(literal_column(one.name) for one in groups))
            if groups
            else query.having(func.count() > 0)
        )
        for values in connection.execute(query):
            key = question.key(values[: len(groups)])
            more = sums.read(names, values[len(groups) :])
            if key in found:
                sums.add(found[key], more)
            else:
                found[key] = more
    return found


def _within(piece: Piece, wide: int) -> list[ColumnElement[bool]]:
    if not piece.grain:
        return [calls.c.started_at >= piece.since, calls.c.started_at < piece.until]
    return [
        rollups.c.wide == wide,
        rollups.c.grain == piece.grain,
        rollups.c.starts >= piece.since // MICRO,
        rollups.c.starts < piece.until // MICRO,
    ]


def money_by_project(reader: Reader, since: datetime, until: datetime) -> dict[str, int]:
    """Pico-dollars spent by each project on calls that started in [since, until)."""
    with reader.snapshot() as connection:
        span = _span(connection, since, until)
        found = _answer(connection, _Question(["project"], {}, UTC, span), ("usd",), reader.dialect)
    return {key[0]: values[0] for key, values in found.items()}


def seen(reader: Reader, *, days: int = 30) -> set[tuple[str, str]]:
    """The pairs of model and project with calls in the last days, today included (UTC)."""
    today = int(datetime.now(UTC).timestamp()) // zones.DAY * zones.DAY
    query = (
        select(rollups.c.model, rollups.c.project)
        .where(rollups.c.wide == 0, rollups.c.grain == zones.DAY, rollups.c.starts > today - days * zones.DAY)
        .distinct()
    )
    with reader.snapshot() as connection:
        return {(model, project) for model, project in connection.execute(query)}
