"""The source of list prices: genai-prices, its Anthropic models only.

genai-prices finds models by prefix and prices whatever it is asked, so it is used for one thing: the
prices of a model that is already known, on one day. Importing it takes half a second of processor
time and some 30 MB, so that is done by whoever opens a book, and not by importing this module.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from tokentape.proxy.pricing.bill import LineKind
from tokentape.proxy.pricing.names import bare_name
from tokentape.proxy.pricing.supplement import ALIASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import MatchLogic, ModelInfo, ModelPrice, TieredPrices

PROVIDER: Final = "anthropic"

RELEASED: Final = {"0.2.3": "2026-11-10"}
"""When a version of genai-prices was published, and with it its table."""

_PRICE_KEYS: Final = {
    LineKind.INPUT: ("input_mtok",),
    LineKind.CACHE_READ: ("cache_read_mtok",),
    LineKind.CACHE_WRITE_5M: ("cache_write_5m_mtok", "cache_write_mtok"),
    LineKind.CACHE_WRITE_1H: ("cache_write_1h_mtok",),
    LineKind.OUTPUT: ("output_mtok",),
    LineKind.WEB_SEARCH: ("web_searches_kcount",),
}
"""Where the table has the price of a kind; the first that is there."""

_HALF_A_DATE: Final = re.compile(r"-\d{4}$")


class ListPrice(NamedTuple):
    """USD for a million tokens or 1,000 searches: a base, and what a longer prompt makes of it."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()
    """Prompt tokens to exceed, and the price then; rising."""


class Source:
    """List prices by model and day."""

    def __init__(self, models: list[ModelInfo], published: str) -> None:
        """Index the models of one table, `published` on a date `YYYY-MM-DD`."""
        self.date = published
        self.models = {model.id: model for model in models}
        self._ids = {name: model.id for model in models for name in _names(model)}
        self._ids |= {alias: model for alias, model in ALIASES.items() if model in self.models}
        self.digest = _digest(models)
        """Hash of all that decides a price."""

    @property
    def names(self) -> dict[str, str]:
        """Model ids by every bare name that is listed for them."""
        return dict(self._ids)

    def find(self, name: str) -> str | None:
        """The id of the model whose listed name equals this bare name."""
        return self._ids.get(name)

    def standard(self, model: str, day: date) -> dict[LineKind, ListPrice]:
        """The ordinary prices of a model by id."""
        return _prices(self.models[model].get_prices(_noon(day)))

    def variant(self, model: str, day: date, when: Mapping[str, str]) -> dict[LineKind, ListPrice] | None:
        """The prices under other circumstances; `None` where the table has none for them."""
        noon = _noon(day)
        applying = (
            variant
            for variant in self.models[model].price_variants or ()
            if variant.when == when and (variant.constraint is None or variant.constraint.active(noon))
        )
        if next(applying, None) is None:
            return None
        return _prices(self.models[model].get_prices(noon, when))


def open_source(snapshot: DataSnapshot | None = None) -> Source:
    """The bundled table, or a newer snapshot that was fetched. No network."""
    from genai_prices import __version__ as version  # noqa: PLC0415 - see the module docstring
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot  # noqa: PLC0415

    table: DataSnapshot = snapshot or get_snapshot()
    provider = find_provider_by_id(table.providers, PROVIDER)
    if provider is None:
        raise LookupError("The price table has no Anthropic models.")
    fetched = table.timestamp.date().isoformat() if table.from_auto_update else None
    return Source(provider.models, fetched or RELEASED.get(version) or _newest_date(provider.models))


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _prices(prices: ModelPrice) -> dict[LineKind, ListPrice]:
    found: dict[LineKind, ListPrice] = {}
    for kind, keys in _PRICE_KEYS.items():
        price: Decimal | TieredPrices | None = next(
            (value for key in keys if (value := getattr(prices, key, None)) is not None), None
        )
        if price is not None:
            found[kind] = _list_price(price)
    return found


def _list_price(price: Decimal | TieredPrices) -> ListPrice:
    if isinstance(price, Decimal):
        return ListPrice(price)
    return ListPrice(price.base, tuple((tier.start, tier.price) for tier in price.tiers))


def _names(model: ModelInfo) -> Iterator[str]:
    """The bare names that a model is listed under: its id and the texts that it is matched by."""
    for text in (model.id, *_texts(model.match)):
        if name := bare_name(_HALF_A_DATE.sub("", text.rstrip("@"))):
            yield name


def _texts(logic: MatchLogic) -> Iterator[str]:
    """The names in a match; patterns and parts of names are none."""
    for clause in getattr(logic, "or_", None) or [logic]:
        text = getattr(clause, "equals", None) or getattr(clause, "starts_with", None)
        if text:
            yield text


def _digest(models: list[ModelInfo]) -> str:
    hashed = hashlib.sha256()
    for model in models:
        decisive = (model.id, model.match, model.prices, model.price_variants)
        hashed.update(repr(decisive).encode())
    return hashed.hexdigest()


def _newest_date(models: list[ModelInfo]) -> str:
    """The latest day that a table speaks of, for want of a better date."""
    days = {date.min}
    for model in models:
        dated = [*(model.price_variants or ()), *(model.prices if isinstance(model.prices, list) else ())]
        days |= {getattr(entry.constraint, "start_date", date.min) for entry in dated}
    return max(days).isoformat()
