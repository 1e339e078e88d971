"""When the writer tidies: once an hour, a slice between two batches."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from tokentape.proxy.ledger.tidying import horizon

if TYPE_CHECKING:
    from tokentape.proxy.ledger.store import Store

KEEP_DAYS: Final = 400
"""A year to compare with, and a month to close the books."""
_REST: Final = 0.02
"""Seconds between two slices, for other processes that wait for the lock."""
_HOUR: Final = 3600.0
_HOUR_MICROS: Final = 3_600_000_000


class Retention:
    """Keeps so many days; 0 keeps everything."""

    def __init__(self, keep_days: int = KEEP_DAYS) -> None:
        self._keep_days = keep_days
        self._next = 0.0
        self._before: int | None = None

    def patience(self) -> float | None:
        """Seconds until something is to be done; `None` for never."""
        if not self._keep_days:
            return None
        return _REST if self._before is not None else max(0.0, self._next - monotonic())

    def step(self, store: Store, now: int) -> None:
        """Do one slice of what is due, if anything is.

        Raises:
            UnavailableError: the database cannot be written now; the slice is tried again.
        """
        if self._before is None:
            self._begin(store, now)
        elif not store.tidy(self._before):
            self._before = None

    def _begin(self, store: Store, now: int) -> None:
        if not self._keep_days or monotonic() < self._next:
            return
        before = horizon(now, self._keep_days)
        if store.begin_tidying(before, now=now, interval=_HOUR_MICROS):
            self._before = before
        self._next = monotonic() + _HOUR
