"""A small ledger with a call of every sort, for the commands that ask one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from tests.proxy.ledger.cases import record
from tests.proxy.pricing.paid_calls import book, paid

from tokentape.proxy.ledger.location import locate
from tokentape.proxy.messages.call import CallError, Outcome, Timings
from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.proxy.messages.call import Call

BEFORE, AFTER = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
"""Half past two in Berlin, twice: the clock is put back between the two."""
EVENING = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
"""Half past midnight of November in Berlin."""

SONNET = Decimal("0.0045")
"""500 in, 200 out."""
OPUS = Decimal("0.15")
"""1,000 in: 0.015; 10,000 read from the cache: 0.015; 2,000 written for an hour: 0.06; 800 out: 0.06."""


def calls() -> list[Call]:
    """In the order in which they were made."""
    return [
        _call(
            1,
            "claude-sonnet-4-20250514",
            BEFORE,
            input=500,
            output=200,
            project="checkout",
            labels={"project": "checkout", "team": "=1+1"},
            session="s-one",
            user="aaaa",
            credential="old",
        ),
        _call(
            2,
            "claude-sonnet-4-20250514",
            AFTER,
            input=500,
            output=200,
            credential="new",
            client="Anthropic/Python 2.12.0",
            outcome=Outcome.CLIENT_ABORT,
            stop_reason=None,
            attempt=1,
        ),
        _call(
            3,
            "claude-opus-4-20250514",
            EVENING,
            input=1_000,
            read=10_000,
            w1h=2_000,
            output=800,
            credential="new",
            stop_reason="max_tokens",
            stream=True,
            timings=Timings(duration=9.0, first_token_any=1.25),
        ),
        _call(4, "claude-sonnet-4-20250514", EVENING, input=500, output=200, subscription=True),
        _call(5, "claude-opus-4-10", EVENING, input=500, output=200, session="s-two"),
        _call(
            6,
            "claude-sonnet-4-20250514",
            EVENING,
            tier="batch",
            input=500,
            output=200,
            endpoint="/v1/messages/batches/{id}/results",
            batch_id="msgbatch_1",
            custom_id="a",
            result="succeeded",
        ),
        msgspec.structs.replace(
            _call(
                7,
                "claude-sonnet-4-20250514",
                EVENING,
                status=429,
                outcome=Outcome.API_ERROR,
                error=CallError(type="rate_limit_error"),
                stop_reason=None,
            ),
            usage=None,
            model_served=None,
        ),
    ]


def _call(number: int, model: str, at: datetime, **fields: Any) -> Call:
    # A second apart, so that they have an order.
    started = at.timestamp() + number
    request: dict[str, Any] = {"request_id": f"req_{number}", "id": f"relay-0-1:{number}"}
    return paid(model, at=started, **(request | fields))


def make_ledger(folder: Path) -> str:
    """Write the calls with their bills; where."""
    path = str(folder / "ledger.sqlite3")
    record(locate(path), [(call, price(call, book())) for call in calls()])
    return path
