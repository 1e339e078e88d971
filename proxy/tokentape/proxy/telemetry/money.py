"""Gauges of money: prices, spend and budgets, computed when they are asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from tokentape.proxy.catalogue import TOKEN_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tokentape.proxy.ledger.watching import Watch
    from tokentape.proxy.pricing.book import PriceBook
    from tokentape.proxy.telemetry.instruments import Instruments

    Values = Iterator[tuple[tuple[str, ...], float]]


def add_prices(
    instruments: Instruments, book: Callable[[], PriceBook | None], models: Callable[[], Iterable[str]]
) -> None:
    """Show the prices of these models, and the date of the table, once the book is open."""

    def prices() -> Values:
        opened, now = book(), instruments.clock()
        if opened is None:
            return
        for model in models():
            listed = {kind.value: price for kind, price in opened.list_prices(model, now).items()}
            yield from (((model, kind), float(listed[kind])) for kind in TOKEN_KINDS if kind in listed)

    def published() -> Values:
        if opened := book():
            day = date.fromisoformat(opened.date)
            yield (), datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()

    instruments.compute("tokentape_price_usd_per_million_tokens", prices)
    instruments.compute("tokentape_price_table_timestamp_seconds", published)


def add_spend(instruments: Instruments, watch: Watch) -> None:
    """Show what the ledger says was spent, and the budgets."""

    def spend() -> Values:
        if latest := watch.latest:
            for window, amounts in (("day", latest.day), ("month", latest.month)):
                yield from (((latest.ledger, name, window), float(usd)) for name, usd in amounts.items())

    def budgets() -> Values:
        if latest := watch.latest:
            for name, windows in watch.budgets.items():
                yield from (((latest.ledger, name, window), float(usd)) for window, usd in windows.items())

    instruments.compute("tokentape_spend_usd", spend)
    instruments.compute("tokentape_budget_usd", budgets)


def add_losses(instruments: Instruments, lost: Callable[[], Mapping[str, int]]) -> None:
    """Show how many calls the ledger has lost, by reason."""
    instruments.compute(
        "tokentape_ledger_lost_calls_total",
        lambda: [((reason,), count) for reason, count in lost().items()],
    )
