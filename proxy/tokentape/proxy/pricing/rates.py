"""Rates: what one token costs under one set of circumstances. All decimals are exact."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from typing import Final, NamedTuple

import msgspec

from tokentape.proxy.pricing.bill import LineKind

EXACT: Final = Context(prec=100, traps=[Inexact])
"""Arithmetic that would rather raise than round; no sum of tokens and prices comes near its limit."""

TOKEN_KINDS: Final = (
    LineKind.INPUT,
    LineKind.CACHE_READ,
    LineKind.CACHE_WRITE_5M,
    LineKind.CACHE_WRITE_1H,
    LineKind.OUTPUT,
)
KINDS: Final = (*TOKEN_KINDS, LineKind.WEB_SEARCH)
"""The kinds that have a price, in the order of a bill's lines."""


class Circumstances(NamedTuple):
    """What multiplies a price."""

    batch: bool = False
    fast: bool = False
    us: bool = False
    """Inference in the US only."""


ORDINARY: Final = Circumstances()


class Prices(NamedTuple):
    """Amounts of the six kinds, in the order of `KINDS`; `None` where no price is known."""

    input: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    output: Decimal | None = None
    web_search: Decimal | None = None


class Tier(NamedTuple):
    """Prices of requests whose whole prompt, cache included, is longer than `over` tokens."""

    over: int
    prices: Prices


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """USD for one token, or for one web search, of one model under some circumstances on one day."""

    base: Prices
    tiers: tuple[Tier, ...] = ()
    """By rising length of the prompt; the last that is exceeded is the price of the whole request."""
    fast: bool = False
    us: bool = False
    """Fast mode and region were priced: the model has such a price."""
    discount: bool = False

    def of(self, prompt: int) -> Prices:
        """The prices for a prompt of so many tokens, cache included."""
        prices = self.base
        for tier in self.tiers:
            if prompt > tier.over:
                prices = tier.prices
        return prices
