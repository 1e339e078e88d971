"""How large a scrape gets: 8 models in 20 projects, with all that can be seen of calls and of money."""

from __future__ import annotations

import re
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from tests.proxy.pricing.paid_calls import NOVEMBER, book
from tests.support.calls import make_open_call, varied_calls

from tokentape.cli.models import CURRENT_MODELS
from tokentape.proxy.catalogue import CATALOGUE
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.spending import ALL, Spend
from tokentape.proxy.ledger.watching import Watch
from tokentape.proxy.pricing.batches import RESULT_TYPES
from tokentape.proxy.pricing.bill import Bill, LineItem, LineKind, Status
from tokentape.proxy.telemetry.exposition import View, exposition
from tokentape.proxy.telemetry.money import add_losses, add_prices, add_spend
from tokentape.proxy.telemetry.prometheus import PrometheusSink
from tokentape.proxy.telemetry.sets import tick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.proxy.messages.call import Call

MODELS = [f"claude-model-{number}" for number in range(8)]
PROJECTS = [f"project-{number}" for number in range(20)]
MOST_LINES = 20_000


def watched() -> Watch:
    """A ledger in which every project has spent something, and has both budgets."""
    spenders = [ALL, *PROJECTS]
    budgets = {name: {"day": Decimal(20), "month": Decimal(400)} for name in spenders}
    watch = Watch(locate("/nowhere"), UTC, budgets, lambda _: None)
    watch.latest = Spend(
        ledger="f00d",
        day=dict.fromkeys(spenders, Decimal(1)),
        month=dict.fromkeys(spenders, Decimal(2)),
    )
    return watch


def bills(model: str) -> Iterator[Bill]:
    """Every kind of line, every status, every cause of waste, and a subscription."""
    items = tuple(LineItem(kind=kind, model=model, quantity=1, usd=Decimal("0.1")) for kind in LineKind)
    causes = ("client_abort", "stream_error", "truncated", "retry")
    for cause in causes:
        yield Bill(
            status=Status.EXACT,
            total=Decimal("0.7"),
            items=items,
            savings=Decimal("0.5"),
            batch_savings=Decimal("0.1"),
            waste=Decimal("0.7"),
            waste_cause=cause,
        )
    yield Bill(status=Status.ESTIMATED, total=Decimal("0.7"), items=items, subscription=True)
    yield Bill(status=Status.UNPRICED, total=None)


def traffic(model: str, project: str) -> Iterator[tuple[Call, Bill]]:
    calls = varied_calls(model, project)
    for number, bill in enumerate(bills(model)):
        yield calls[number % len(calls)], bill
    for kind in RESULT_TYPES:
        result = msgspec.structs.replace(calls[-1], batch_id="msgbatch_1", custom_id="a", result=kind)
        yield result, next(bills(model))


def everything() -> CollectorRegistry:
    """A registry that has seen all of it."""
    made = CollectorRegistry()
    sink = PrometheusSink(made, models=CURRENT_MODELS, bill=True, clock=lambda: NOVEMBER)
    add_prices(sink.instruments, book, lambda: sink.models)
    add_spend(sink.instruments, watched())
    add_losses(sink.instruments, lambda: dict.fromkeys(("queue_full", "rejected", "stopped"), 1))
    for model in MODELS:
        for project in PROJECTS:
            for call, bill in traffic(model, project):
                sink.opened(make_open_call(call))
                sink.closed(call, bill)
    return made


@pytest.fixture(scope="module")
def registry() -> CollectorRegistry:
    return everything()


@pytest.mark.parametrize("openmetrics", [True, False], ids=["OpenMetrics", "plain text"])
def test_a_scrape_is_no_longer_than_it_may_be(registry: CollectorRegistry, *, openmetrics: bool) -> None:
    lines = exposition(registry, View(openmetrics, tick(), tick())).splitlines()
    assert len(lines) <= MOST_LINES


def test_all_money_is_in_that_scrape(registry: CollectorRegistry) -> None:
    """So that the limit speaks of the whole."""
    text = exposition(registry, View(False, tick(), tick())).decode()
    money = [metric.name for metric in CATALOGUE if metric.needs_bill]
    assert len(money) > 10
    assert [name for name in money if not re.search(rf"^{name}(_bucket)?[{{ ]", text, re.MULTILINE)] == []
