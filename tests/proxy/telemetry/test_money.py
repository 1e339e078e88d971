"""Gauges of money: as of what is known when they are asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from tests.proxy.pricing.paid_calls import NOVEMBER, book
from tests.support.metrics import series

from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.spending import ALL, Spend
from tokentape.proxy.ledger.watching import Watch
from tokentape.proxy.telemetry.money import add_losses, add_prices, add_spend
from tokentape.proxy.telemetry.prometheus import PrometheusSink

if TYPE_CHECKING:
    from tokentape.proxy.pricing.book import PriceBook
    from tokentape.proxy.telemetry.instruments import Instruments


def instruments() -> tuple[CollectorRegistry, Instruments]:
    registry = CollectorRegistry()
    return registry, PrometheusSink(registry, bill=True, clock=lambda: NOVEMBER).instruments


def test_prices_and_the_date_of_their_table_are_shown_once_the_book_is_open() -> None:
    registry, made = instruments()
    opened: list[PriceBook | None] = [None]
    add_prices(made, lambda: opened[0], lambda: ["claude-sonnet-4-5", "claude-nobody"])
    name, date = "tokentape_price_usd_per_million_tokens", "tokentape_price_table_timestamp_seconds"
    assert (series(registry, name, "model"), series(registry, date)) == ({}, {})
    opened[0] = book()
    assert series(registry, name, "model", "kind") == {
        ("claude-sonnet-4-5", "input"): 3,
        ("claude-sonnet-4-5", "cache_read"): 0.3,
        ("claude-sonnet-4-5", "cache_write_5m"): 3.75,
        ("claude-sonnet-4-5", "cache_write_1h"): 6,
        ("claude-sonnet-4-5", "output"): 15,
    }
    assert list(series(registry, date).values()) == [datetime(2026, 11, 10, tzinfo=UTC).timestamp()]


def test_spend_and_budgets_are_those_of_the_latest_look() -> None:
    registry, made = instruments()
    budgets = {ALL: {"day": Decimal(20)}, "checkout": {"month": Decimal("99.5")}}
    watch = Watch(locate("/nowhere"), UTC, budgets, lambda _: None)
    add_spend(made, watch)
    labels = ("ledger", "project", "window")
    assert series(registry, "tokentape_spend_usd", *labels) == {}
    assert series(registry, "tokentape_budget_usd", *labels) == {}
    watch.latest = Spend(ledger="f00d", day={ALL: Decimal("1.5")}, month={ALL: Decimal(7), "a": Decimal(7)})
    assert series(registry, "tokentape_spend_usd", *labels) == {
        ("f00d", ALL, "day"): 1.5,
        ("f00d", ALL, "month"): 7,
        ("f00d", "a", "month"): 7,
    }
    assert series(registry, "tokentape_budget_usd", *labels) == {
        ("f00d", ALL, "day"): 20,
        ("f00d", "checkout", "month"): 99.5,
    }


def test_what_the_ledger_lost_is_shown_by_reason_from_0_on() -> None:
    registry, made = instruments()
    lost = {"queue_full": 0, "stopped": 0}
    add_losses(made, lambda: lost)
    name = "tokentape_ledger_lost_calls_total"
    assert series(registry, name, "reason") == {("queue_full",): 0, ("stopped",): 0}
    lost["queue_full"] = 3
    assert series(registry, name, "reason") == {("queue_full",): 3, ("stopped",): 0}
