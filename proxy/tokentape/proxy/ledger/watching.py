"""Watches what was spent: the figures of the spend gauge, and the moments at which a budget is crossed.

A thread of its own asks the ledger: a scrape or a call never waits for a database.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from time import time_ns
from typing import TYPE_CHECKING, Final

from tokentape.proxy.ledger.budgets import crossings
from tokentape.proxy.ledger.claims import claim
from tokentape.proxy.ledger.errors import LedgerError
from tokentape.proxy.ledger.spending import Spending

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from tokentape.proxy.ledger.budgets import Budgets, Crossing
    from tokentape.proxy.ledger.location import Location
    from tokentape.proxy.ledger.spending import Spend

PERIOD_SECONDS: Final = 10.0
"""Between two looks where nothing happens here: other proxies may write, and days end."""


class Watch:
    """Knows the latest spend.

    Args:
        location: of the ledger.
        zone: whose days and months.
        budgets: to compare with.
        say: told of each crossing, once ever; runs in the watch's own thread.
    """

    def __init__(
        self, location: Location, zone: tzinfo, budgets: Budgets, say: Callable[[Crossing], None]
    ) -> None:
        self._location = location
        self._zone = zone
        self._say = say
        self.budgets = budgets
        self.latest: Spend | None = None
        """As of the last look that worked; `None` before. Any thread."""
        self._claimed: set[str] = set()
        self._spending = Spending(location, zone)
        self._news = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tokentape-spend", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def news(self) -> None:
        """Calls were written. Any thread."""
        self._news.set()

    def close(self, patience: float = 2.0) -> None:
        """Look a last time, and end."""
        self._ended.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def _run(self) -> None:
        while True:
            last = self._ended.is_set()
            self.look(fresh=last)
            if last:
                return
            self._ended.wait(1.0)
            self._news.wait(PERIOD_SECONDS)
            self._news.clear()

    def look(self, *, fresh: bool = False) -> None:
        """Ask the ledger, and say what was crossed."""
        try:
            self.latest = self._spending.read(fresh=fresh)
            today = datetime.now(UTC).astimezone(self._zone).date()
            for crossing in crossings(self.latest, self.budgets, today):
                self._cross(crossing)
        except LedgerError:
            return  # It says so itself; the next look may find it.

    def _cross(self, crossing: Crossing) -> None:
        names = crossing.names
        if names[0] in self._claimed:
            return
        first = claim(self._location, names, time_ns() // 1000)
        self._claimed.update(names)
        if first:
            self._say(crossing)
