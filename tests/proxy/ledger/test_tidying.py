"""What is too old goes, in small steps, and no report sees half of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select
from tests.proxy.ledger.cases import priced, record, total, until, writing

from tokentape.proxy.ledger.listing import each_call
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.retention import Retention
from tokentape.proxy.ledger.schema import batch_results, calls, marks, rollups
from tokentape.proxy.ledger.store import open_store
from tokentape.proxy.ledger.tidying import DAY, SLICE_ROWS, horizon

if TYPE_CHECKING:
    from sqlalchemy import Table
    from tests.proxy.ledger.cases import Priced

    from tokentape.proxy.ledger.location import Location

NOW = round(datetime.now(UTC).timestamp() * 1_000_000)


def days_ago(number: int, days: float) -> Priced:
    at = (NOW - days * DAY) / 1_000_000
    return priced(number, started_at=at, ended_at=at + 1)


def count(location: Location, table: Table) -> int:
    with Reader(location).snapshot() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def test_the_horizon_is_a_midnight_of_utc() -> None:
    noon = round(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1_000_000)
    assert horizon(noon, 2) == round(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1_000_000)


def test_old_rows_and_rollups_go_and_young_ones_stay(location: Location) -> None:
    """Done by the writer itself, in as many slices as it takes."""
    old = [days_ago(number, 40 + number % 5) for number in range(2 * SLICE_ROWS + 100)]
    young = [days_ago(10_000 + number, number / 10) for number in range(20)]
    record(location, old + young, retention=Retention(0))
    assert count(location, calls) == len(old) + len(young)
    with writing(location, retention=Retention(30)):
        until("all old rows are gone", lambda: count(location, calls) == len(young))
        until("all old rollups are gone", lambda: _oldest_rollup(location) >= (NOW - 31 * DAY) // 1_000_000)
    assert total(location).calls == len(young)


def _oldest_rollup(location: Location) -> int:
    with Reader(location).snapshot() as connection:
        return int(connection.scalar(select(func.min(rollups.c.starts))) or 0)


def test_no_report_sees_what_is_half_deleted(location: Location) -> None:
    """From the first moment on, before any slice is gone."""
    record(location, [days_ago(0, 40), days_ago(1, 1)], retention=Retention(0))
    store = open_store(location)
    assert store.begin_tidying(horizon(NOW, 30), now=NOW, interval=3_600_000_000)
    store.close()
    assert count(location, calls) == 2
    assert total(location).calls == 1
    assert [one.call.id for one in each_call(Reader(location))] == [days_ago(1, 1)[0].id]


def test_a_slice_is_small(location: Location) -> None:
    record(location, [days_ago(number, 40) for number in range(SLICE_ROWS + 1)], retention=Retention(0))
    store = open_store(location)
    before = horizon(NOW, 30)
    left: list[int] = []
    while store.tidy(before):
        left.append(count(location, calls))
    store.close()
    assert left[0] == 1
    assert left[-1] == 0
    assert count(location, rollups) == 0


def test_one_proxy_in_an_hour_takes_the_turn(location: Location) -> None:
    record(location, [], retention=Retention(0))
    one, other = open_store(location), open_store(location)
    hour = 3_600_000_000
    assert one.begin_tidying(0, now=NOW, interval=hour)
    assert not other.begin_tidying(0, now=NOW + hour - 1, interval=hour)
    assert other.begin_tidying(0, now=NOW + hour, interval=hour)
    one.close()
    other.close()


@pytest.mark.parametrize(("days", "billed_again"), [(59, 0), (61, 1)])
def test_results_are_known_for_sixty_days_at_the_least(
    location: Location, days: int, billed_again: int
) -> None:
    """Longer than the API serves them, however short rows are kept."""
    result = priced(0, batch_id="one", custom_id="a")
    record(location, [result], retention=Retention(0))
    store = open_store(location)
    now = NOW + days * DAY
    store.begin_tidying(horizon(now, 1), now=now, interval=1)
    store.close()
    assert count(location, batch_results) == 1 - billed_again
    assert record(location, [result], retention=Retention(0)).writer.written == billed_again


def test_marks_go_after_a_week(location: Location) -> None:
    with writing(location, retention=Retention(0)) as sink:
        sink.mark("link", 1)
    store = open_store(location)
    store.begin_tidying(0, now=NOW + 6 * DAY, interval=1)
    assert count(location, marks) == 2
    store.begin_tidying(0, now=NOW + 8 * DAY, interval=1)
    assert count(location, marks) == 0
    store.close()


def test_an_emptied_file_gives_its_pages_back(sqlite: Location) -> None:
    assert sqlite.path is not None
    old = [days_ago(number, 40) for number in range(5000)]
    for call, _ in old:
        call.labels = {"filling": "x" * 1000}
    record(sqlite, old, retention=Retention(0))
    before = sqlite.path.stat().st_size
    store = open_store(sqlite)
    while store.tidy(horizon(NOW, 30)):
        pass
    store.close()
    assert sqlite.path.stat().st_size < before / 2
