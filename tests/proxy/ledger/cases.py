"""Calls, bills and ledgers for tests."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.support.calls import STARTED, make_call

from tokentape.proxy.ledger.queries import report
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.sink import LedgerSink
from tokentape.proxy.messages.call import CacheWrites, CallError, Outcome, Usage
from tokentape.proxy.pricing.bill import Bill, LineItem, LineKind, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from tokentape.proxy.ledger.location import Location
    from tokentape.proxy.ledger.report import ReportRow
    from tokentape.proxy.messages.call import Call

Priced = tuple["Call", Bill | None]

BILL = Bill(
    status=Status.EXACT,
    total=Decimal("0.0025"),
    items=(
        LineItem(kind=LineKind.INPUT, model="claude-sonnet-4-5", quantity=100, usd=Decimal("0.0005")),
        LineItem(kind=LineKind.OUTPUT, model="claude-sonnet-4-5", quantity=20, usd=Decimal("0.002")),
    ),
    savings=Decimal("0.000001"),
    price_table="f00d",
    price_date="2026-11-01",
)
UNPRICED = Bill(status=Status.UNPRICED, total=None, reasons=("unknown_model",))
SUBSCRIPTION = Bill(status=Status.EXACT, total=Decimal(3), savings=Decimal(1), subscription=True)
ESTIMATED = Bill(
    status=Status.ESTIMATED,
    total=Decimal("1.000000000001"),
    reasons=("aborted",),
    savings=Decimal("-0.25"),
    batch_savings=Decimal("0.5"),
    waste=Decimal("1.000000000001"),
    waste_cause="client_abort",
)


def priced(number: int, **changes: Any) -> Priced:
    """The call number `number`, one second after the one before."""
    at = STARTED + number
    fields: dict[str, Any] = {"id": f"relay-0-1-{number}", "started_at": at, "ended_at": at + 2}
    return make_call(**(fields | changes)), BILL


def varied(number: int, step: float = 1.0) -> Priced:
    """Calls that differ in every dimension of a report, in a pattern that repeats late."""
    subscription = number % 11 == 0
    kinds: list[Bill | None] = [BILL, ESTIMATED, UNPRICED, BILL, None]
    bill = SUBSCRIPTION if subscription else kinds[number % 5]
    failed = number % 7 == 0
    at = STARTED + number * step
    call = make_call(
        id=f"relay-0-1-{number}",
        started_at=at,
        ended_at=at + 1,
        model=f"claude-{number % 3}",
        project=f"project-{number % 4}",
        endpoint=("/v1/messages", "/v1/messages/count_tokens")[number % 2],
        status=None if number % 13 == 0 else 429 if failed else 200,
        outcome=Outcome.API_ERROR if failed else Outcome.OK,
        error=CallError(type="rate_limit_error") if failed else None,
        stop_reason=None if failed else ("end_turn", "max_tokens")[number % 2],
        client=(None, "Anthropic/Python 2.12.0")[number % 2],
        credential=(None, "c0ffee", "decade")[number % 3],
        session=(None, "one", "two")[number % 3],
        user=(None, "abcd")[number % 2],
        subscription=subscription,
        labels={"team": f"team-{number % 2}", 'branch\'s "name"': "main"} if number % 4 else {},
        usage=None
        if failed
        else Usage(
            input_tokens=number,
            output_tokens=2 * number,
            thinking_tokens=number // 2,
            cache_read_input_tokens=None if number % 2 else 10 * number,
            web_search_requests=number % 2,
        ),
        cache_writes=CacheWrites(tokens_5m=number % 3, tokens_1h=number % 4),
    )
    return call, bill


@contextmanager
def writing(location: Location, **options: Any) -> Generator[LedgerSink]:
    """A sink at work; at the end everything is written."""
    sink = LedgerSink(location, **options)
    sink.start()
    try:
        yield sink
    finally:
        sink.close(20)


def record(location: Location, calls: Iterable[Priced], **options: Any) -> LedgerSink:
    """Write calls, and wait until they are settled."""
    with writing(location, **options) as sink:
        for call, bill in calls:
            sink.closed(call, bill)
    return sink


def total(location: Location) -> ReportRow:
    """The sums over the whole ledger, from its rollups."""
    return report(Reader(location)).total


def rows_in(path: Path) -> int:
    """Rows of the calls table, asked of SQLite itself."""
    with sqlite3.connect(path, timeout=30) as connection:
        (count,) = connection.execute("SELECT count(*) FROM calls").fetchone()
    connection.close()
    return int(count)


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for something that must come."""
    from tests.support.prometheus import until as patiently

    patiently(what, lambda: condition() or None)
