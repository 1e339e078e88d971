"""Who has seen what: the memory behind showing each new label set at 0 once to every scraper.

There may be several scrapers: a pair of Prometheus servers, a person with curl. Each must see a new
set at 0 before its first value, or `increase()` there loses that value. So the moment of the last
complete scrape is kept for each of them.

A scraper is its connection (Prometheus keeps one open), else whoever has the same address and user
agent, else, on its very first visit, it takes over what was last shown to anyone: sets that nobody
saw are still at 0, and older ones have their true value, since a drop to 0 would be a reset.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_SCRAPERS = 256
"""The ones not seen for the longest time are forgotten first."""


class Audience:
    """The tick of the last complete scrape of each scraper. Not for use by several threads at once."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Hashable, int] = OrderedDict()
        self._latest = 0

    def last_seen(self, *identities: Hashable) -> int:
        """The tick that the scraper has seen, by its best known identity; 0 if nobody saw anything."""
        return next((self._seen[known] for known in identities if known in self._seen), self._latest)

    def saw(self, now: int, *identities: Hashable) -> None:
        """A scrape of that tick has reached the scraper, as far as one can know."""
        self._latest = max(self._latest, now)
        for identity in identities:
            self._seen[identity] = max(now, self._seen.pop(identity, 0))
        while len(self._seen) > MAX_SCRAPERS:
            self._seen.popitem(last=False)
