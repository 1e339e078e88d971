"""The price book: what a token costs, by model, circumstances and day.

Rates are worked out once per model, circumstances and UTC day, and kept. They come from the list
prices of `source`, completed by `supplement`, replaced and discounted by the user's `overrides`.
"""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.pricing import supplement
from tokentape.proxy.pricing.bill import LineKind
from tokentape.proxy.pricing.names import bare_name
from tokentape.proxy.pricing.overrides import NO_OVERRIDES
from tokentape.proxy.pricing.rates import (
    EXACT,
    KINDS,
    ORDINARY,
    TOKEN_KINDS,
    Circumstances,
    Prices,
    Rates,
    Tier,
)
from tokentape.proxy.pricing.source import ListPrice, open_source

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

    from tokentape.proxy.pricing.overrides import PriceOverrides
    from tokentape.proxy.pricing.source import Source

MAX_KEPT: Final = 4096
"""Rates kept; names come from outside, so that beyond this all are let go of and made again."""

_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_MILLIONTH: Final = Decimal("0.000001")
_THOUSANDTH: Final = Decimal("0.001")
_HUNDREDTH: Final = Decimal("0.01")

_FAST: Final = {"speed": "fast"}
_BATCH: Final = {"processing": "batch"}
_SUPPLEMENTS: Final = ("BATCH", "US", "FAST", "CLIFFS", "ALIASES")

_Costs = dict[LineKind, ListPrice]


class PriceBook:
    """Rates by model, circumstances and day, from one price table and one user's overrides."""

    def __init__(self, source: Source, overrides: PriceOverrides = NO_OVERRIDES) -> None:
        """Price by `source`; `overrides` are the user's own prices and discounts."""
        self._source = source
        self._overrides = overrides
        self._own = {source.find(name) or name: prices for name, prices in overrides.models.items()}
        self._kept: dict[tuple[str, int, Circumstances], Rates | None] = {}
        self.date = source.date
        """Date of the price table, `YYYY-MM-DD`."""
        self.fingerprint = _fingerprint(source, overrides)
        """Equal for equal prices: a hash of the table, what completes it, and the overrides."""

    def rates(self, model: str, at: float, circumstances: Circumstances = ORDINARY) -> Rates | None:
        """The rates of a model as the API names it; `None` where no price is known.

        `at` is in seconds since the epoch.
        """
        key = (model, int(at // _DAY), circumstances)
        try:
            return self._kept[key]
        except KeyError:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            rates = self._kept[key] = self._resolve(*key)
            return rates

    def list_prices(self, model: str, at: float) -> dict[LineKind, Decimal]:
        """Ordinary prices of short prompts, after discount: USD for a million tokens, or 1,000 searches.

        Empty where no price is known.
        """
        rates = self.rates(model, at)
        if rates is None:
            return {}
        return {
            kind: price / _unit(kind)
            for kind, price in zip(KINDS, rates.base, strict=True)
            if price is not None
        }

    @property
    def models(self) -> tuple[str, ...]:
        """The ids of all models that have a price, the user's own among them, sorted."""
        return tuple(sorted({*self._source.models, *self._own}))

    def minimum_cacheable(self, model: str) -> int | None:
        """Tokens of the shortest prompt that the model caches; `None` where none is documented."""
        name = bare_name(model)
        return supplement.MINIMUM_CACHEABLE.get(self._source.find(name) or name)

    def _resolve(self, model: str, day: int, circumstances: Circumstances) -> Rates | None:
        name = bare_name(model)
        found = self._source.find(name)
        own = self._own.get(found or name, {})
        if found is None and not own:
            return None
        when = date.fromordinal(_EPOCH + day)
        standard = _with_cliff(found, self._source.standard(found, when)) if found else {}
        costs, fast = self._listed(found, when, standard, circumstances)
        costs |= {
            kind: _own_price(kind, price, standard, costs, circumstances) for kind, price in own.items()
        }
        us = circumstances.us and found not in supplement.NO_REGIONS
        if us:
            costs = _multiplied(costs, supplement.US)
        if discount := self._overrides.discount_of(name):
            left = EXACT.multiply(EXACT.subtract(Decimal(100), discount), _HUNDREDTH)
            costs = _multiplied(costs, left, KINDS)
        base, *tiers = _per_token(costs)
        return Rates(base=base.prices, tiers=tuple(tiers), fast=fast, us=us, discount=bool(discount))

    def _listed(
        self, model: str | None, day: date, standard: _Costs, circumstances: Circumstances
    ) -> tuple[_Costs, bool]:
        """The prices under the circumstances, and whether fast mode has a price."""
        costs, fast = dict(standard), False
        if model is not None and circumstances.fast:
            variant, times = self._source.variant(model, day, _FAST), supplement.FAST.get(model)
            costs = variant or (_multiplied(costs, times) if times else costs)
            fast = variant is not None or times is not None
        if circumstances.batch:
            # The table knows no price that is both, and takes the first of the two that it finds.
            variant = self._source.variant(model, day, _BATCH) if model is not None and not fast else None
            costs = variant or _multiplied(costs, supplement.BATCH)
        return costs, fast


def open_book(overrides: PriceOverrides = NO_OVERRIDES, snapshot: DataSnapshot | None = None) -> PriceBook:
    """The book of the bundled price table, or of a newer snapshot of it. No network.

    Imports genai-prices: half a second of processor time and some 30 MB.
    """
    return PriceBook(open_source(snapshot), overrides)


def _with_cliff(model: str, standard: _Costs) -> _Costs:
    cliff = supplement.CLIFFS.get(model)
    if cliff is None:
        return standard
    over, of_input, of_output = cliff
    return standard | {
        kind: ListPrice(
            cost.base,
            cost.tiers or ((over, cost.base * (of_output if kind is LineKind.OUTPUT else of_input)),),
        )
        for kind, cost in standard.items()
        if kind in TOKEN_KINDS
    }


def _own_price(
    kind: LineKind, price: Decimal, standard: _Costs, costs: _Costs, circumstances: Circumstances
) -> ListPrice:
    """The user's price of a kind, changed by the circumstances as the list price of that kind is."""
    listed = standard.get(kind)  # `costs` may have the user's other prices already, but not this one
    if listed is not None and listed.base:
        return ListPrice(price * costs[kind].base / listed.base)
    batch = circumstances.batch and kind in TOKEN_KINDS
    return ListPrice(price * supplement.BATCH if batch else price)


def _multiplied(costs: _Costs, times: Decimal, kinds: tuple[LineKind, ...] = TOKEN_KINDS) -> _Costs:
    return costs | {
        kind: ListPrice(
            EXACT.multiply(cost.base, times),
            tuple((over, EXACT.multiply(price, times)) for over, price in cost.tiers),
        )
        for kind, cost in costs.items()
        if kind in kinds
    }


def _per_token(costs: _Costs) -> list[Tier]:
    """Prices of one token, or of one search, from prompts of any length up."""
    lengths = {over for cost in costs.values() for over, _ in cost.tiers}
    return [
        Tier(over, Prices(*(_unit_price(kind, costs.get(kind), over) for kind in KINDS)))
        for over in (0, *sorted(lengths))
    ]


def _unit_price(kind: LineKind, cost: ListPrice | None, over: int) -> Decimal | None:
    if cost is None:
        return None
    price = cost.base
    for start, dearer in cost.tiers:
        if over >= start:
            price = dearer
    return EXACT.multiply(price, _unit(kind))


def _unit(kind: LineKind) -> Decimal:
    return _THOUSANDTH if kind is LineKind.WEB_SEARCH else _MILLIONTH


def _fingerprint(source: Source, overrides: PriceOverrides) -> str:
    ours = [getattr(supplement, name) for name in _SUPPLEMENTS]
    text = repr(
        (source.digest, ours, sorted(supplement.NO_REGIONS), msgspec.json.encode(overrides, order="sorted"))
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
