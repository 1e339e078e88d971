"""The watch: it knows what was spent, and tells of each crossing once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.proxy.ledger.cases import priced, record, until

from tokentape.proxy.ledger.spending import ALL
from tokentape.proxy.ledger.watching import Watch
from tokentape.proxy.pricing.bill import Bill, Status

if TYPE_CHECKING:
    from tests.proxy.ledger.cases import Priced

    from tokentape.proxy.ledger.budgets import Crossing
    from tokentape.proxy.ledger.location import Location

BUDGETS = {ALL: {"day": Decimal(10)}}


def spent(number: int, usd: int) -> Priced:
    call, _ = priced(number, started_at=datetime.now(UTC).timestamp())
    return call, Bill(status=Status.EXACT, total=Decimal(usd))


def watch(location: Location, told: list[Crossing]) -> Watch:
    return Watch(location, UTC, BUDGETS, told.append)


def levels(told: list[Crossing]) -> list[int]:
    return [crossing.level for crossing in told]


def test_each_mark_is_told_once_by_whoever_looks_first(location: Location) -> None:
    told: list[Crossing] = []
    one, other = watch(location, told), watch(location, told)
    record(location, [spent(0, 4)])
    one.look(fresh=True)
    assert levels(told) == []
    record(location, [spent(1, 1)])
    for each in (one, other, one):
        each.look(fresh=True)
    assert levels(told) == [50]
    record(location, [spent(2, 50)])
    for each in (other, one):
        each.look(fresh=True)
    assert levels(told) == [50, 100]
    assert watch(location, told).latest is None
    watch(location, told).look()
    assert levels(told) == [50, 100], "not even a new one tells it again"


def test_its_thread_looks_when_there_is_news_and_a_last_time_at_the_end(sqlite: Location) -> None:
    told: list[Crossing] = []
    watching = watch(sqlite, told)
    record(sqlite, [spent(0, 1)])
    watching.start()
    until("the first look", lambda: watching.latest is not None)
    record(sqlite, [spent(1, 8)])
    watching.close(30)
    assert levels(told) == [80]


def test_a_ledger_that_is_not_there_or_locked_is_looked_at_again(sqlite: Location) -> None:
    told: list[Crossing] = []
    watching = watch(sqlite, told)
    watching.look()
    assert watching.latest is None
    record(sqlite, [spent(0, 6)])
    with closing(sqlite3.connect(str(sqlite.path), isolation_level=None)) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        watching.look()
        assert watching.latest is not None
        assert levels(told) == [], "what cannot be claimed is not told"
        locker.execute("ROLLBACK")
    watching.look()
    assert levels(told) == [50]


def test_one_that_was_never_started_ends_at_once(sqlite: Location) -> None:
    watch(sqlite, []).close()
