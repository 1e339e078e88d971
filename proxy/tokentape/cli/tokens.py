"""Tokens by kind, and the one definition of the hit ratio."""

from __future__ import annotations

import msgspec


class Tokens(msgspec.Struct):
    """Sums by kind. The kinds are disjoint, as on `/metrics`; cache writes of both ttls are one."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0

    @property
    def hit_ratio(self) -> float | None:
        """The share of all input tokens that came from the cache; `None` where there were none."""
        total = self.input + self.cache_read + self.cache_write
        return self.cache_read / total if total else None
