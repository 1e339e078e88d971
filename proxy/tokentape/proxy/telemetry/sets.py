"""Label sets: the numbers themselves, made to be written by one thread and read by another.

A set is written by the observer's thread only, a few attribute updates a call and no lock; a scrape
reads whole values, each true at the moment it is read.

**Zero first.** `increase()` takes the first value of a series for its beginning, so a series that
appears at 5 has lost 5. A set therefore knows when it was `born`, as a tick of a process-wide order,
and a scrape shows it at 0 to everyone whose last scrape was before that. Nothing is held back in the
set itself: it always has the true value.
"""

from __future__ import annotations

import itertools
import sys
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

tick = itertools.count(1).__next__
"""The next moment in the order of births and scrapes. An order, not a clock."""

UNBORN = sys.maxsize
ALWAYS = 0
"""Birth of a set whose count is older than this process: showing it at 0 would look like a reset."""


class Exemplar(NamedTuple):
    """One observation and the trace and request it came from; an empty id is left out."""

    trace_id: str
    request_id: str
    value: float
    at: float
    """Seconds since the epoch."""


class Amount:
    """The label set of a counter or gauge. `amount.value += n` is the way to count."""

    __slots__ = ("born", "created", "labels", "value", "values")

    def __init__(self, values: tuple[str, ...], labels: str, created: float) -> None:
        self.values = values
        self.labels = labels
        """As they stand between the braces of a sample."""
        self.created = created
        """Seconds since the epoch."""
        self.value: float = 0
        self.born = UNBORN


class Distribution:
    """The label set of a histogram."""

    __slots__ = ("born", "bounds", "counts", "created", "exemplars", "labels", "sum", "values")

    def __init__(self, values: tuple[str, ...], labels: str, created: float, bounds: Sequence[float]) -> None:
        self.values = values
        self.labels = labels
        self.created = created
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """One a bucket, the last one without upper bound; not cumulative."""
        self.sum: float = 0
        self.exemplars: dict[int, Exemplar] = {}
        """The last one of each bucket."""
        self.born = UNBORN

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def observe_exemplar(self, value: float, trace_id: str, request_id: str, at: float) -> None:
        """Count one value, and remember where it came from."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.sum += value
        self.exemplars[bucket] = Exemplar(trace_id, request_id, value, at)
