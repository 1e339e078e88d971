"""Overrides: what the user pays, where that is not the list price.

As TOML, below the key that the caller chose:

    discount = 10                         # per cent off every model
    [discounts]
    "claude-opus-*" = 15                  # per cent off these instead; the longest pattern wins
    [models."claude-sonnet-5"]            # a model's own standard prices, USD for a million tokens
    input = 1.8
    output = 9.0
    web_search = 10                       # USD for 1,000

A model's own prices hold for prompts of any length, and they name a model that the table may not
list. Kinds that are left out keep the table's price; where it has none, they have none. Batch, fast
and region multiply them as they do list prices, the discount comes off last.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, TypeGuard

import msgspec

from tokentape.proxy.pricing.names import bare_name
from tokentape.proxy.pricing.rates import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentape.proxy.pricing.bill import LineKind

MAX_PRICE: Final = Decimal(1_000_000)
"""USD for a million tokens: one dollar a token."""

_PLAIN: Final = re.compile(r"\d{1,7}(\.\d{1,12})?")
_KEYS: Final = ("discount", "discounts", "models")
_BY_KEY: Final = {kind.value: kind for kind in KINDS}


class PriceConfigError(ValueError):
    """The user's prices cannot be read; the message is one sentence that says which key and why."""


class PriceOverrides(msgspec.Struct, frozen=True, kw_only=True):
    """The user's prices, read by `parse_overrides`."""

    discount: Decimal = Decimal(0)
    """Per cent off everything."""
    discounts: dict[str, Decimal] = {}
    """Per cent by pattern of the model's bare name."""
    models: dict[str, dict[LineKind, Decimal]] = {}
    """USD for a million tokens, or for 1,000 searches, by bare name."""

    def discount_of(self, name: str) -> Decimal:
        """Per cent off the prices of a model by its bare name."""
        matching = [pattern for pattern in self.discounts if fnmatchcase(name, pattern)]
        return self.discounts[max(matching, key=_rank)] if matching else self.discount


NO_OVERRIDES: Final = PriceOverrides()


def _rank(pattern: str) -> tuple[int, str]:
    return len(pattern), pattern


def parse_overrides(config: Mapping[str, object]) -> PriceOverrides:
    """Read the user's prices from a parsed configuration file.

    Raises:
        PriceConfigError: on an unknown key, or a value that is no price and no percentage.
    """
    _known(config, _KEYS, "prices")
    models: dict[str, dict[LineKind, Decimal]] = {}
    for name, prices in _table(config, "models").items():
        models[bare_name(name)] = _prices(name, prices)
    return PriceOverrides(
        discount=_percent("discount", config.get("discount", 0)),
        discounts={
            pattern.lower(): _percent(f'discounts."{pattern}"', value)
            for pattern, value in _table(config, "discounts").items()
        },
        models=models,
    )


def _prices(model: str, prices: object) -> dict[LineKind, Decimal]:
    if not _is_table(prices) or not prices:
        raise PriceConfigError(f'models."{model}" must be a table of prices, such as input = 3.0.')
    _known(prices, tuple(_BY_KEY), f'models."{model}"')
    return {_BY_KEY[kind]: _price(f'models."{model}".{kind}', value) for kind, value in prices.items()}


def _is_table(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _table(config: Mapping[str, object], key: str) -> dict[str, object]:
    table = config.get(key, {})
    if not _is_table(table):
        raise PriceConfigError(f"{key} must be a table, not {table!r}.")
    return table


def _known(table: Mapping[str, object], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            raise PriceConfigError(f"Unknown key {key!r} in {where}: known are {', '.join(keys)}.")


def _percent(key: str, value: object) -> Decimal:
    number = _number(value)
    if number is None or number > 100:
        raise PriceConfigError(f"{key} must be a percentage from 0 to 100, not {value!r}.")
    return number


def _price(key: str, value: object) -> Decimal:
    number = _number(value)
    if number is None or number > MAX_PRICE:
        raise PriceConfigError(f"{key} must be USD from 0 to {MAX_PRICE:,}, not {value!r}.")
    return number


def _number(value: object) -> Decimal | None:
    """A plain decimal number from 0; a float is what its shortest notation says."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return Decimal(text) if _PLAIN.fullmatch(text) else None
