"""What was spent today and this month: the figures of the spend gauge, and of budgets."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal  # noqa: TC003 - msgspec reads it
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.ledger import zones
from tokentape.proxy.ledger.money import usd
from tokentape.proxy.ledger.queries import money_by_project
from tokentape.proxy.ledger.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from tokentape.proxy.ledger.location import Location

ALL: Final = "_all"
"""The project that stands for all of them together."""
FRESH_SECONDS: Final = 1.0


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """Money in USD by project and `_all`, without subscription and unpriced calls."""

    ledger: str
    """Short id of the ledger: proxies that share it say the same."""
    day: dict[str, Decimal]
    """Since local midnight."""
    month: dict[str, Decimal]
    """Since the local first; every project of `day` is here."""


class Spending:
    """Reads the ledger, at most once a second. Safe to ask from any thread; asking waits for the database."""

    def __init__(
        self,
        location: Location,
        zone: tzinfo = UTC,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._location = location
        self._zone = zone
        self._now = now
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._latest: Spend | None = None
        self._read_at = 0.0

    def read(self, *, fresh: bool = False) -> Spend:
        """What is committed, at most a second old; with `fresh`, as it is now.

        Raises:
            LedgerError: there is no ledger, or it cannot be read now.
        """
        with self._lock:
            if self._latest is None or fresh or monotonic() - self._read_at > FRESH_SECONDS:
                self._latest = self._ask()
                self._read_at = monotonic()
            return self._latest

    def _ask(self) -> Spend:
        if self._reader is None:
            self._reader = Reader(self._location)
        return spend(self._reader, self._now(), self._zone)


def spend(reader: Reader, now: datetime, zone: tzinfo = UTC) -> Spend:
    """What was spent on calls that started this local day and this local month, up to now.

    Raises:
        UnavailableError: the ledger cannot be read now.
    """
    today = now.astimezone(zone).date()
    end = now + timedelta(seconds=1)
    day, month = (
        money_by_project(reader, datetime.fromtimestamp(start(zone, today), UTC), end)
        for start in (zones.day_start, zones.month_start)
    )
    return Spend(
        ledger=reader.identity.ledger,
        day=_with_total(dict.fromkeys(month, 0) | day),
        month=_with_total(dict.fromkeys(day, 0) | month),
    )


def _with_total(by_project: dict[str, int]) -> dict[str, Decimal]:
    return {ALL: usd(sum(by_project.values())), **{name: usd(money) for name, money in by_project.items()}}
