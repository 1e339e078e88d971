"""One load on one contender, measured from outside: what was carried, what was metered, what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from tests.benchmarks.children import cpu_seconds
from tests.benchmarks.counts import await_in_time, await_settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.counts import Counts
    from tests.benchmarks.load import Carried, Load, Running


class Metering(msgspec.Struct, frozen=True, kw_only=True):
    """What tokentape made of a load."""

    in_time: int
    """Well ended calls that were metered at most a second after the load's end."""
    lag: float
    """Seconds from the end of the load until the last of those was metered."""
    late: int
    """Calls metered after that second: they do not count."""
    unmetered: int
    exact: bool
    """In the end, carried = metered + unmetered, to the call."""
    observer_cpu: float
    """CPU seconds of the observer, late calls included."""
    metered: int
    """All calls metered in the end, cut off ones included."""
    before: Counts
    after: Counts
    """Once they were final."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One load."""

    carried: Carried
    served: int
    """Calls that upstream says it was asked."""
    cpu: float
    """CPU seconds of the processes that carry bytes."""
    metering: Metering | None = None

    @property
    def carried_rate(self) -> float:
        """Calls carried a second."""
        return self.carried.calls / self.carried.seconds

    @property
    def metered_rate(self) -> float:
        """Calls metered a second, the observer's lag counted as time; carried ones where nobody meters."""
        if self.metering is None:
            return self.carried_rate
        calls = min(self.metering.in_time, self.carried.calls)
        return calls / (self.carried.seconds + self.metering.lag)


def measure(running: Running, load: Load, served: Callable[[], int]) -> Round:
    """Put the load on the contender once; returns when its observer has settled, too.

    `served` tells how many calls upstream was asked so far.
    """
    admin = running.admin
    before = await_settled(admin) if admin else None
    served_before = served()
    cpu, observer = cpu_seconds(running.pids), _observer_cpu(running)
    carried = load(running)
    if admin is None or before is None:
        metering = None
    else:
        progress = await_in_time(admin, before, carried.calls)
        after = await_settled(admin, before.carried + carried.calls)
        in_time = progress.metered
        metering = _metering(before, after, in_time, progress.lag, _observer_cpu(running) - observer)
    return Round(
        carried=carried,
        served=served() - served_before,
        cpu=cpu_seconds(running.pids) - cpu,
        metering=metering,
    )


def _observer_cpu(running: Running) -> float:
    return cpu_seconds([running.observer]) if running.observer else 0.0


def _metering(before: Counts, after: Counts, in_time: int, lag: float, observer_cpu: float) -> Metering:
    metered = after.metered - before.metered
    unmetered = after.unmetered - before.unmetered
    return Metering(
        in_time=in_time,
        lag=lag,
        late=max(0, after.well - before.well - in_time),
        unmetered=unmetered,
        exact=after.exact and after.carried - before.carried == metered + unmetered,
        observer_cpu=observer_cpu,
        metered=metered,
        before=before,
        after=after,
    )
