"""A report is what adding up the calls one by one gives, by whatever it is broken down."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from tests.proxy.ledger.cases import BILL, SUBSCRIPTION, UNPRICED, priced, record, varied
from tests.support.calls import STARTED

from tokentape.proxy.ledger.dimensions import UnknownDimensionError
from tokentape.proxy.ledger.errors import NoLedgerError
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.queries import report, seen
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.report import ReportRow
from tokentape.proxy.ledger.rows import MICRO, row_of
from tokentape.proxy.ledger.schema import WRITTEN
from tokentape.proxy.ledger.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.proxy.ledger.cases import Priced

    from tokentape.proxy.ledger.location import Location

STEP = 1537.0
"""Seconds between two calls: 600 of them take ten days and a half, over the end of a month."""
CALLS = [varied(number, STEP) for number in range(600)]
BERLIN = ZoneInfo("Europe/Berlin")


def at(number: float) -> datetime:
    """When call number `number` started."""
    return datetime.fromtimestamp(STARTED, UTC) + timedelta(seconds=STEP * number)


@pytest.fixture(scope="module")
def sqlite_reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    place = locate(str(tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"))
    record(place, CALLS)
    return Reader(place)


@pytest.fixture(scope="module")
def postgres_reader(postgres: Any) -> Reader:
    place = postgres.new()
    record(place, CALLS)
    return Reader(place)


@pytest.fixture(params=["sqlite", "postgresql"])
def reader(request: pytest.FixtureRequest) -> Reader:
    name = {"sqlite": "sqlite_reader", "postgresql": "postgres_reader"}[request.param]
    found: Reader = request.getfixturevalue(name)
    return found


def name_of(priced_call: Priced, dimension: str, zone: tzinfo) -> Any:
    """What a call is under a dimension, said in Python."""
    call, bill = priced_call
    local = datetime.fromtimestamp(call.started_at, zone)
    if dimension.startswith("label:"):
        return call.labels.get(dimension.removeprefix("label:"))
    if dimension in {"month", "day"}:
        return local.strftime({"month": "%Y-%m", "day": "%Y-%m-%d"}[dimension])
    if dimension == "hour":
        return local.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")
    if dimension == "bill":
        return bill and bill.status.value
    return getattr(call, {"batch": "batch_id"}.get(dimension, dimension))


def added_up(calls: Iterable[Priced], keys: dict[str, Any]) -> ReportRow:
    """The row of these calls, by plain addition."""
    calls = list(calls)
    rows = [dict(zip(WRITTEN, row_of(*one), strict=True)) for one in calls]
    money = [row for row in rows if not row["subscription"]]

    def usd(name: str, of: list[dict[str, Any]]) -> Decimal:
        return sum((Decimal(row[name] or 0) for row in of), Decimal(0)) / 10**12

    tokens = ("input_tokens", "cache_read_tokens", "output_tokens", "thinking_tokens", "web_searches")
    return ReportRow(
        keys=keys,
        calls=len(rows),
        errors=sum(row["outcome"] != "ok" for row in rows),
        paid=sum(row["usd"] is not None for row in money),
        estimated=sum(row["bill_status"] == "estimated" for row in rows),
        unpriced=sum(row["bill_status"] == "unpriced" for row in rows),
        subscription=len(rows) - len(money),
        **{name: sum(row[name] or 0 for row in rows) for name in tokens},
        cache_write_5m_tokens=sum(row["cache_write_5m_tokens"] for row in rows),
        cache_write_1h_tokens=sum(row["cache_write_1h_tokens"] for row in rows),
        usd=usd("usd", money),
        subscription_usd=usd("usd", [row for row in rows if row["subscription"]]),
        savings_usd=usd("savings_usd", money),
        batch_savings_usd=usd("batch_savings_usd", money),
        wasted_usd=usd("wasted_usd", money),
        first_at=datetime.fromtimestamp(min(row["started_at"] for row in rows) / MICRO, UTC),
        last_at=datetime.fromtimestamp(max(row["started_at"] for row in rows) / MICRO, UTC),
    )


def expected(calls: list[Priced], by: tuple[str, ...], zone: tzinfo = UTC) -> set[ReportRow]:
    groups: dict[tuple[Any, ...], list[Priced]] = {}
    for one in calls:
        groups.setdefault(tuple(name_of(one, name, zone) for name in by), []).append(one)
    return {_hashable(added_up(group, dict(zip(by, key, strict=True)))) for key, group in groups.items()}


def _hashable(row: ReportRow) -> Any:
    return json.dumps(
        {name: getattr(row, name) for name in row.__struct_fields__}, default=str, sort_keys=True
    )


def found_rows(found: Iterable[ReportRow]) -> set[Any]:
    return {_hashable(row) for row in found}


GROUPINGS = [
    ("model",),
    ("project", "model"),
    ("day",),
    ("model", "day"),
    ("hour", "project"),
    ("month",),
    ("credential",),
    ("client", "endpoint"),
    ("stop_reason", "status"),
    ("session",),
    ("user", "day"),
    ("bill", "outcome"),
    ("batch",),
    ("label:team",),
    ("label:team", "hour"),
    ('label:branch\'s "name"', "model"),
    (),
]


@pytest.mark.parametrize("by", GROUPINGS, ids="-".join)
def test_by_anything(reader: Reader, by: tuple[str, ...]) -> None:
    """Rollups where they know the dimensions, rows elsewhere: both say the same."""
    found = report(reader, by=by)
    assert found_rows(found.rows) == expected(CALLS, by)
    assert _hashable(found.total) == _hashable(added_up(CALLS, {}))


@pytest.mark.parametrize(
    "zone",
    [
        BERLIN,
        ZoneInfo("Asia/Kolkata"),
        ZoneInfo("Asia/Kathmandu"),
        ZoneInfo("Pacific/Kiritimati"),
        timezone(timedelta(hours=-1, minutes=-7)),
    ],
    ids=str,
)
@pytest.mark.parametrize("by", [("day",), ("hour", "model"), ("month", "project")], ids="-".join)
def test_days_of_any_zone(reader: Reader, zone: tzinfo, by: tuple[str, ...]) -> None:
    assert found_rows(report(reader, by=by, zone=zone).rows) == expected(CALLS, by, zone)


@pytest.mark.parametrize(
    ("first", "last"), [(0, 600), (0.5, 311.2), (71, 71.0001), (100, 100), (250.9, 251.1)]
)
@pytest.mark.parametrize("by", [("day",), ("session",)], ids="-".join)
def test_any_span_to_the_microsecond(reader: Reader, first: float, last: float, by: tuple[str, ...]) -> None:
    """Since is part of it, until is not."""
    of = Selection(since=at(first), until=at(last))
    chosen = [one for number, one in enumerate(CALLS) if first <= number < last]
    found = report(reader, of=of, by=by)
    assert found_rows(found.rows) == expected(chosen, by)
    assert (found.since, found.until) == (at(first), at(last))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "claude-1"),
        ("status", "429"),
        ("status", None),
        ("client", None),
        ("session", "one"),
        ("session", None),
        ("label:team", "team-1"),
        ("label:team", None),
        ("project", "nobody's"),
    ],
)
def test_only_calls_with_a_value(reader: Reader, name: str, value: str | None) -> None:
    chosen = [one for one in CALLS if (found := name_of(one, name, UTC)) == value or str(found) == value]
    found = report(reader, of=Selection(where={name: value}), by=["model"])
    assert found_rows(found.rows) == expected(chosen, ("model",))


def test_a_clock_change_has_a_day_of_25_hours_and_an_hour_with_two_names(sqlite: Location) -> None:
    change = datetime(2026, 10, 25, 1, tzinfo=UTC)
    calls = [
        priced(number, started_at=(change + timedelta(minutes=20 * number)).timestamp())
        for number in range(-80, 80)
    ]
    record(sqlite, calls)
    for by in (("day",), ("hour",)):
        assert found_rows(report(Reader(sqlite), by=by, zone=BERLIN).rows) == expected(calls, by, BERLIN)


def test_rows_are_in_order_of_time_else_the_dearest_first(reader: Reader) -> None:
    days = [row.keys["day"] for row in report(reader, by=["day", "model"]).rows]
    assert days == sorted(days, key=str)
    assert len(set(days)) == 12
    costs = [row.usd for row in report(reader, by=["project"]).rows]
    assert costs == sorted(costs, reverse=True)


def test_ratios_and_shares(sqlite: Location) -> None:
    from tests.support.calls import make_call

    from tokentape.proxy.messages.call import CacheWrites, Usage

    cached = make_call(
        usage=Usage(input_tokens=10, cache_read_input_tokens=60, output_tokens=1),
        cache_writes=CacheWrites(tokens_5m=20, tokens_1h=10),
    )
    record(sqlite, [(cached, BILL), (cached, BILL), (cached, UNPRICED), (cached, SUBSCRIPTION)])
    row = report(Reader(sqlite)).total
    assert row.hit_ratio == pytest.approx(0.6)
    assert row.usd_per_call == Decimal("0.0025")
    assert (row.estimated_share, row.unpriced_share, row.subscription_share) == (0, 0.25, 0.25)
    assert (row.usd, row.subscription_usd) == (Decimal("0.005"), Decimal(3))
    nothing = ReportRow(keys={})
    assert (nothing.hit_ratio, nothing.usd_per_call, nothing.estimated_share) == (None, None, None)


def test_sums_beyond_what_an_integer_of_sqlite_holds(sqlite: Location) -> None:
    """Nine million dollars are the most that one sum could be."""
    from tokentape.proxy.pricing.bill import Bill, Status

    dear = Bill(status=Status.EXACT, total=Decimal("4000000.000000000001"), savings=Decimal(-4_000_000))
    record(sqlite, [(priced(number * 86_400)[0], dear) for number in range(5)])
    for by in ((), ("session",)):
        row = report(Reader(sqlite), by=by).total
        assert (row.usd, row.savings_usd) == (Decimal("20000000.000000000005"), Decimal(-20_000_000))


def test_what_does_not_exist_is_refused_by_name(reader: Reader) -> None:
    for by in ("modle", "label:", "calls.usd"):
        with pytest.raises(UnknownDimensionError, match=by):
            report(reader, by=[by])
    with pytest.raises(UnknownDimensionError, match="since"):
        report(reader, of=Selection(where={"day": "2026-11-01"}))
    with pytest.raises(UnknownDimensionError, match="number"):
        report(reader, of=Selection(where={"status": "ok"}))


def test_no_ledger_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(NoLedgerError, match=r"There is no ledger at .*/none\.sqlite3 yet"):
        Reader(locate(str(tmp_path / "none.sqlite3")))
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_database_without_a_ledger_is_left_without_one(location: Location) -> None:
    if location.path is not None:
        location.path.parent.mkdir()
        location.path.touch()
    for _ in range(2):
        with pytest.raises(NoLedgerError):
            Reader(location)


def test_an_empty_ledger_reports_nothing(location: Location) -> None:
    record(location, [])
    found = report(Reader(location), by=["model"])
    assert (found.rows, found.total) == ((), ReportRow(keys={}))


def test_models_and_projects_seen_lately(location: Location) -> None:
    now = datetime.now(UTC).timestamp()
    ages = {"today": 0, "lately": 29, "long ago": 31}
    record(
        location,
        [
            priced(0, project=name, model=f"m-{name}", started_at=now - 86_400 * age)
            for name, age in ages.items()
        ],
    )
    assert seen(Reader(location)) == {("m-today", "today"), ("m-lately", "lately")}
