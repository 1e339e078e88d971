"""One load on one contender, measured from outside: what was carried, what was metered, what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from tests.benchmarks.children import cpu_seconds
from tests.benchmarks.counts import await_in_time, await_settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.counts import Counts, Progress
    from tests.benchmarks.load import Carried, Load, Running


class MiscountError(Exception):
    """More replies were counted than upstream sent."""


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
    """Calls that upstream says it answered."""
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
        return self.metering.in_time / (self.carried.seconds + self.metering.lag)


def measure(running: Running, load: Load, served: Callable[[], int]) -> Round:
    """Put the load on the contender once; returns when its observer has settled, too.

    `served` tells how many calls upstream has answered so far.

    Raises:
        MiscountError: upstream answered fewer calls than the load generator counted.
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
        cpu_used = _observer_cpu(running) - observer
        metering = metering_of(before, after, progress, carried.calls, cpu_used)
    answered = served() - served_before
    if answered < carried.calls:
        raise MiscountError(f"{running.name}: {carried.calls} replies counted, {answered} sent by upstream")
    return Round(
        carried=carried,
        served=answered,
        cpu=cpu_seconds(running.pids) - cpu,
        metering=metering,
    )


def _observer_cpu(running: Running) -> float:
    return cpu_seconds([running.observer]) if running.observer else 0.0


def metering_of(
    before: Counts, after: Counts, progress: Progress, calls: int, observer_cpu: float
) -> Metering:
    """What the counts before, in time and after say of a load of `calls`.

    A load generator stops with calls under way. Those may still end well, but do not count.
    """
    metered = after.metered - before.metered
    unmetered = after.unmetered - before.unmetered
    in_time = min(progress.metered, calls)
    return Metering(
        in_time=in_time,
        lag=progress.lag,
        late=max(0, min(after.well - before.well, calls) - in_time),
        unmetered=unmetered,
        exact=after.exact and after.carried - before.carried == metered + unmetered,
        observer_cpu=observer_cpu,
        metered=metered,
        before=before,
        after=after,
    )
