"""`--what-if`: the same calls at another model's prices, summed as the report is."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tokentape.cli.errors import UsageError
from tokentape.cli.price_table import open_prices
from tokentape.proxy.ledger.listing import each_call
from tokentape.proxy.pricing.overrides import parse_overrides
from tokentape.proxy.pricing.repricing import reprice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tokentape.cli.asking.keys import Key
    from tokentape.proxy.ledger.reader import Reader
    from tokentape.proxy.ledger.rows import Recorded
    from tokentape.proxy.ledger.selection import Selection
    from tokentape.proxy.pricing.book import PriceBook

_SHOWN_FROM: Final = 20_000
"""Calls from which on the progress is shown: some two seconds."""


class WhatIf(msgspec.Struct):
    """Sums over the calls that have a price at both models, and that no subscription paid."""

    calls: int = 0
    usd: Decimal = Decimal(0)
    """What they cost."""
    what_if_usd: Decimal = Decimal(0)
    """What they would have cost."""

    def add(self, usd: Decimal, other: Decimal) -> None:
        """Add a call."""
        self.calls += 1
        self.usd += usd
        self.what_if_usd += other


def book_for(model: str, prices: dict[str, Any], at: float) -> PriceBook:
    """The book, if it has a price for this model.

    Raises:
        UsageError: it has none.
    """
    book = open_prices(parse_overrides(prices))
    if book.rates(model, at) is None:
        raise UsageError(
            f"--what-if {model}: no price is known for it; `tokentape prices` lists those that are."
        )
    return book


def what_if(
    calls: Iterable[Recorded], model: str, book: PriceBook, key: Callable[[Recorded], Key]
) -> dict[Key, WhatIf]:
    """Sums by key."""
    found: dict[Key, WhatIf] = {}
    for recorded in calls:
        bill = recorded.bill
        if bill is None or bill.total is None or bill.subscription:
            continue
        other = reprice(recorded.call, model, book).total if bill.items else bill.total
        if other is not None:
            found.setdefault(key(recorded), WhatIf()).add(bill.total, other)
    return found


def with_progress(reader: Reader, of: Selection, count: int) -> Iterator[Recorded]:
    """The selected calls; how far it is is shown on a terminal where there are many."""
    calls = each_call(reader, of)
    if count < _SHOWN_FROM:
        yield from calls
        return
    hidden = not sys.stderr.isatty()
    with click.progressbar(calls, length=count, label="repricing", file=sys.stderr, hidden=hidden) as shown:
        yield from shown
