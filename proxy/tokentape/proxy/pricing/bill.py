"""The Bill: a priced call. Pure data; amounts are exact decimals in USD."""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec


class Status(enum.StrEnum):
    """How far a bill can be trusted; the values are the `status` label of the metrics."""

    EXACT = "exact"
    ESTIMATED = "estimated"
    """Something was not seen or not said; `Bill.reasons` says what was assumed instead."""
    UNPRICED = "unpriced"
    """No price is known for a model: never 0, never another model's price."""


class LineKind(enum.StrEnum):
    """What a line item pays for; the values are the `kind` label of the cost metric."""

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE_5M = "cache_write_5m"
    CACHE_WRITE_1H = "cache_write_1h"
    OUTPUT = "output"
    WEB_SEARCH = "web_search"
    OTHER = "other"
    """What has no kind of its own."""


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bill."""

    kind: LineKind
    model: str
    """Whose price this is: the served model, or an iteration's own."""
    quantity: int
    """Tokens, or web searches."""
    usd: Decimal
    """Modifiers (batch, fast, geo, discount) included."""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What one call cost.

    `total` is `None` exactly when `status` is `unpriced`.
    """

    status: Status
    total: Decimal | None
    items: tuple[LineItem, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why it is estimated or unpriced, low cardinality, such as `aborted`, `cache_split`, `resumed`."""
    modifiers: tuple[str, ...] = ()
    """What changed the list price, such as `batch`, `fast`, `geo_us`, `long_context`, `discount`."""
    savings: Decimal = Decimal(0)
    """What cache reads would have cost as input, less what cache writes cost beyond it; may be negative."""
    batch_savings: Decimal = Decimal(0)
    """The ordinary price less the batch price."""
    waste: Decimal = Decimal(0)
    """The part of `total` that bought nothing."""
    waste_cause: str | None = None
    """client_abort, stream_error, truncated or retry."""
    subscription: bool = False
    """Paid by a subscription: `total` is the API equivalent and no money."""
    price_table: str = ""
    """Fingerprint of the prices used."""
    price_date: str = ""
    """Date of the prices used, `YYYY-MM-DD`."""
