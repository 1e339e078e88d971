"""A report: what the ledger says of a span of time, broken down. Pure data."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from tokentape.proxy.ledger.money import pico, usd
from tokentape.proxy.ledger.schema import SUMS


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over some calls. Tokens are tokens, money is USD."""

    keys: dict[str, str | int | None]
    """What these calls have in common, by the names asked for; `None` where they have none."""
    calls: int = 0
    errors: int = 0
    paid: int = 0
    """Calls with a known price that no subscription paid."""
    estimated: int = 0
    unpriced: int = 0
    subscription: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    web_searches: int = 0
    usd: Decimal = Decimal(0)
    """Money: without subscription calls, and without unpriced ones, whose cost nobody knows."""
    subscription_usd: Decimal = Decimal(0)
    savings_usd: Decimal = Decimal(0)
    batch_savings_usd: Decimal = Decimal(0)
    wasted_usd: Decimal = Decimal(0)
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def money(self) -> Decimal | None:
        """`usd`, where it is known at all: `None` where there are calls to pay, and no price for any."""
        return None if self.unpriced and not self.paid else self.usd

    @property
    def hit_ratio(self) -> float | None:
        """Cached share of all input tokens, 0 to 1."""
        written = self.cache_write_5m_tokens + self.cache_write_1h_tokens
        total = self.input_tokens + self.cache_read_tokens + written
        return self.cache_read_tokens / total if total else None

    @property
    def usd_per_call(self) -> Decimal | None:
        """Of the calls that have a price, to 10^-12."""
        return usd(pico(self.usd / self.paid)) if self.paid else None

    @property
    def estimated_share(self) -> float | None:
        """Of all calls, 0 to 1."""
        return self.estimated / self.calls if self.calls else None

    @property
    def unpriced_share(self) -> float | None:
        """Of all calls, 0 to 1."""
        return self.unpriced / self.calls if self.calls else None

    @property
    def subscription_share(self) -> float | None:
        """Of all calls, 0 to 1."""
        return self.subscription / self.calls if self.calls else None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Rows and their total."""

    since: datetime
    until: datetime
    by: tuple[str, ...]
    rows: tuple[ReportRow, ...]
    """By time where the first thing asked for is one, else the most expensive first."""
    total: ReportRow


def make_row(keys: dict[str, str | int | None], sums: list[int]) -> ReportRow:
    """A row from the values of `SUMS`, the first and the last use (microseconds)."""
    *amounts, first, last = sums
    values: dict[str, Any] = {
        name: usd(amount) if name.endswith("usd") else amount
        for name, amount in zip(SUMS, amounts, strict=True)
    }
    return ReportRow(keys=keys, **values, first_at=moment(first), last_at=moment(last))


def moment(micros: int) -> datetime:
    """UTC time of microseconds since the epoch."""
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware time."""
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond
