"""What was spent today and this month is what the ledger holds, whoever wrote it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.proxy.ledger.cases import SUBSCRIPTION, UNPRICED, priced, record

from tokentape.proxy.ledger.errors import NoLedgerError
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.spending import Spend, Spending, spend

if TYPE_CHECKING:
    from tests.proxy.ledger.cases import Priced

    from tokentape.proxy.ledger.location import Location

BERLIN = ZoneInfo("Europe/Berlin")


def paid(number: int, started: datetime, dollars: str, project: str = "a") -> Priced:
    from tokentape.proxy.pricing.bill import Bill, Status

    call, _ = priced(number, started_at=started.timestamp(), project=project)
    return call, Bill(status=Status.EXACT, total=Decimal(dollars))


CALLS = [
    paid(1, datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC), "1000"),
    paid(2, datetime(2026, 10, 31, 23, 0, tzinfo=UTC), "100"),
    paid(3, datetime(2026, 11, 15, 23, 30, tzinfo=UTC), "10", "b"),
    paid(4, datetime(2026, 11, 16, 1, 0, tzinfo=UTC), "1"),
    paid(5, datetime(2026, 11, 16, 12, 0, tzinfo=UTC), "0.000000000001", "c"),
    (paid(6, datetime(2026, 11, 16, 12, 0, tzinfo=UTC), "0", "d")[0], UNPRICED),
    (paid(7, datetime(2026, 11, 16, 12, 0, tzinfo=UTC), "0", "d")[0], SUBSCRIPTION),
]
NOW = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)


def usd(**values: str) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in values.items()}


def test_by_utc_days(location: Location) -> None:
    """Subscriptions and unpriced calls are no money; a project without money today stands at 0."""
    record(location, CALLS[:3])
    record(location, CALLS[3:])
    reader = Reader(location)
    assert spend(reader, NOW) == Spend(
        ledger=reader.identity.ledger,
        day=usd(_all="1.000000000001", a="1", b="0", c="0.000000000001", d="0"),
        month=usd(_all="11.000000000001", a="1", b="10", c="0.000000000001", d="0"),
    )


def test_by_days_of_another_zone(location: Location) -> None:
    """Berlin's November begins an hour before UTC's."""
    record(location, CALLS)
    found = spend(Reader(location), NOW, BERLIN)
    assert found.day == usd(_all="11.000000000001", a="1", b="10", c="0.000000000001", d="0")
    assert found.month == usd(_all="111.000000000001", a="101", b="10", c="0.000000000001", d="0")


def test_at_midnight_the_day_is_empty_again(location: Location) -> None:
    record(location, CALLS)
    found = spend(Reader(location), datetime(2026, 11, 17, tzinfo=UTC))
    assert found.day == usd(_all="0", a="0", b="0", c="0", d="0")


def test_proxies_on_one_ledger_say_the_same(location: Location) -> None:
    record(location, CALLS)
    one, other = (Spending(location, BERLIN, lambda: NOW).read() for _ in range(2))
    assert one == other
    assert one.ledger == Reader(location).identity.ledger


def test_asking_before_there_is_a_ledger_is_answered_once_there_is_one(sqlite: Location) -> None:
    spending = Spending(sqlite, UTC, lambda: NOW)
    with pytest.raises(NoLedgerError):
        spending.read()
    record(sqlite, CALLS[3:4])
    assert spending.read().day == usd(_all="1", a="1")
