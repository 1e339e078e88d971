"""Worker metrics: what the workers say of themselves, summed over their lives.

Gauges describe the workers that are connected now. Counters belong to a slot: a worker's name is
its slot and its process (`relay-0-4711`), and what a process counted stays when it is gone.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from tokentape.proxy.telemetry.sets import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokentape.proxy.frames import Hello, WorkerState
    from tokentape.proxy.telemetry.families import AmountFamily
    from tokentape.proxy.telemetry.instruments import Instruments

UNMETERED_REASONS = ("observer_down", "buffer_full", "observer_lost")
"""Why a worker's `FrameLink` gives a call up: each is shown at 0 as soon as there is a worker."""

MAX_LIVES = 1024
"""Worker processes remembered, so that one that connects again is not counted twice."""


def slot_of(worker: str) -> str:
    """The slot of a worker: its name without the process.

    >>> slot_of("relay-0-4711")
    'relay-0'
    """
    slot, dash, process = worker.rpartition("-")
    return slot if dash and process.isdigit() else worker


class Carried:
    """A counter that a worker keeps and reports: what it grew by is added to one of ours."""

    def __init__(self, family: AmountFamily, bound: Callable[[str], str]) -> None:
        self._family = family
        self._bound = bound
        self._reported: OrderedDict[tuple[str, str], float] = OrderedDict()

    def report(self, worker: str, label: str, total: float) -> None:
        """Take over the total of one worker process.

        A count above 0 that is news to this process is older than it (the worker outlives a restart
        of the observer), so it is shown as it is: at 0 first, it would look like a reset.
        """
        known = self._reported.pop((worker, label), 0)
        self._reported[worker, label] = max(known, total)
        while len(self._reported) > MAX_LIVES:
            self._reported.popitem(last=False)
        amount = self._family.at(self._bound(label), born=ALWAYS if total else None)
        amount.value += max(0, total - known)


class WorkerMeters:
    """All metrics about workers."""

    def __init__(self, instruments: Instruments) -> None:
        self._live: dict[str, WorkerState] = {}
        self._slots: OrderedDict[str, str] = OrderedDict()
        self._slot = instruments.bounded("worker", 64)
        reason = instruments.bounded("reason", 50)

        def carried(name: str, bound: Callable[[str], str]) -> Carried:
            return Carried(instruments.amounts(name), bound)

        self._unmetered = carried("tokentape_unmetered_calls_total", reason)
        self._refused = carried("tokentape_refused_requests_total", reason)
        self._requests = carried("tokentape_worker_carried_requests_total", self._slot)
        self._cpu = carried("tokentape_worker_cpu_seconds_total", self._slot)
        self._restarts = instruments.amounts("tokentape_worker_restarts_total")
        self._compute_gauges(instruments)

    @property
    def live(self) -> int:
        """How many workers are connected."""
        return len(self._live)

    def state(self, hello: Hello, state: WorkerState) -> None:
        """Take over what a worker says."""
        worker, slot = hello.worker, slot_of(hello.worker)
        self._begin_life(worker, slot)
        self._live[worker] = state
        for reason, total in (dict.fromkeys(UNMETERED_REASONS, 0) | state.unmetered).items():
            self._unmetered.report(worker, reason, total)
        for reason, total in state.refused.items():
            self._refused.report(worker, reason, total)
        self._requests.report(worker, slot, state.carried)
        self._cpu.report(worker, slot, state.cpu_seconds)

    def gone(self, hello: Hello) -> None:
        """Forget the gauges of a worker."""
        self._live.pop(hello.worker, None)

    def _begin_life(self, worker: str, slot: str) -> None:
        if worker in self._slots:
            return
        again = slot in self._slots.values()
        self._slots[worker] = slot
        while len(self._slots) > MAX_LIVES:
            self._slots.popitem(last=False)
        self._restarts.at(self._slot(slot)).value += again

    def _states(self) -> list[tuple[str, WorkerState]]:
        return [(self._slot(slot_of(worker)), state) for worker, state in list(self._live.items())]

    def _compute_gauges(self, instruments: Instruments) -> None:
        def whole(name: str, value: Callable[[list[WorkerState]], float]) -> None:
            instruments.compute(name, lambda: [((), value([state for _, state in self._states()]))])

        def each(name: str, value: Callable[[WorkerState], float]) -> None:
            instruments.compute(name, lambda: _by_slot(self._states(), value))

        whole("tokentape_inflight_requests", lambda states: sum(state.inflight for state in states))
        whole(
            "tokentape_oldest_inflight_seconds",
            lambda states: max((state.oldest_inflight for state in states), default=0),
        )
        each("tokentape_worker_inflight_requests", lambda state: state.inflight)
        each("tokentape_worker_event_loop_lag_seconds", lambda state: state.loop_lag)
        each("tokentape_worker_resident_memory_bytes", lambda state: state.resident_bytes)
        each("tokentape_worker_buffered_frames_bytes", lambda state: state.buffered_bytes)


def _by_slot(
    states: list[tuple[str, WorkerState]], value: Callable[[WorkerState], float]
) -> Iterable[tuple[tuple[str, ...], float]]:
    """One value a slot; where an old process still drains beside its successor, their sum."""
    sums: dict[str, float] = {}
    for slot, state in states:
        sums[slot] = sums.get(slot, 0) + value(state)
    return [((slot,), amount) for slot, amount in sums.items()]
