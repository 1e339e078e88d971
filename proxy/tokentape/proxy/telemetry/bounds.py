"""Bounds: how many values a label may take, and how many lines a scrape may have.

A label's values come from outside (a model name in a request, a project in a path), so any of them
could be anything. Here they become printable, short and few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.proxy.catalogue import OTHER, Rank

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_VALUE_CHARACTERS = 120
"""Longer label values are cut: no API name comes near it."""

RESERVED_LINES = 1_000
"""For what is computed at scrape time (rate limits, workers) and for comments."""

CEILINGS = {Rank.DETAIL: 0.36, Rank.LATENCY: 0.50, Rank.COUNT: 0.64, Rank.CORE: 0.97}
"""The share of the lines up to which metrics of a rank still get label sets of their own.

What is over it goes to the set of the project `other`. The shares are such that 8 models in 20
projects, with tools, errors, caching and bills, all keep their own requests, tokens and cost.
"""

PAIR_CEILING = 0.92
"""The share from which new pairs of model and project are counted under the project `other`."""


def printable(value: str) -> str:
    """The value as it can stand in an exposition: short, and without lone surrogates."""
    return value[:MAX_VALUE_CHARACTERS].encode("utf-8", "replace").decode()


class Bounded:
    """The values of one label: each new one is let in until there are `limit`, the rest are `other`.

    `free` values are always let in and do not count: what stands for "none given".
    """

    __slots__ = ("_limit", "_overflow", "_shown")

    def __init__(self, limit: int, overflow: Callable[[], None], free: tuple[str, ...] = ()) -> None:
        self._shown = {value: value for value in (*free, OTHER)}
        self._limit = limit + len(self._shown)
        self._overflow = overflow

    def __call__(self, value: str) -> str:
        """The value to show."""
        shown = self._shown.get(value)
        return self._admit(value) if shown is None else shown

    def _admit(self, value: str) -> str:
        if len(self._shown) >= self._limit:
            self._overflow()
            return OTHER
        return self._shown.setdefault(value, printable(value))


class LineBudget:
    """How many lines the label sets take in one scrape, and which rank may still add some."""

    def __init__(self, max_lines: int) -> None:
        self._available = max_lines - RESERVED_LINES
        self.used = 0
        self.refused: Callable[[], None] | None = None
        """Called whenever labels are given up for want of lines."""

    def admits(self, rank: Rank, lines: int) -> bool:
        """Whether a metric of this rank may take so many lines more."""
        return self._within(CEILINGS[rank], lines)

    def admits_pair(self) -> bool:
        """Whether one more model and project may have counters of its own, and room to grow them."""
        return self._within(PAIR_CEILING, 0)

    def admits_any(self, lines: int) -> bool:
        """Whether there is any room left, whatever the rank."""
        return self._within(1, lines)

    def _within(self, share: float, lines: int) -> bool:
        admitted = self.used + lines <= self._available * share
        if not admitted and self.refused:
            self.refused()
        return admitted
