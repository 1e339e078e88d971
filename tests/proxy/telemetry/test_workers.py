from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry
from tests.support.metrics import series, total

from tokentape.proxy.frames import Anchor, Hello, WorkerState
from tokentape.proxy.telemetry.exposition import View, exposition
from tokentape.proxy.telemetry.instruments import Instruments
from tokentape.proxy.telemetry.sets import tick
from tokentape.proxy.telemetry.workers import MAX_LIVES, WorkerMeters, slot_of

if TYPE_CHECKING:
    from collections.abc import Callable

ANCHOR = Anchor(wall=1000.0, monotonic=1.0)


def hello(worker: str) -> Hello:
    return Hello(worker=worker, engine="relay", pid=1, upstream="https://api.anthropic.com", anchor=ANCHOR)


def state(**changes: Any) -> WorkerState:
    fields: dict[str, Any] = {
        "anchor": ANCHOR,
        "inflight": 0,
        "oldest_inflight": 0.0,
        "loop_lag": 0.0,
        "resident_bytes": 0,
        "cpu_seconds": 0.0,
        "buffered_bytes": 0,
        "carried": 0,
        "unmetered": {},
    }
    return WorkerState(**(fields | changes))


class Workers:
    """A registry, its worker meters, and short ways to feed and read them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.meters = WorkerMeters(Instruments(self.registry))

    def say(self, worker: str, **changes: Any) -> None:
        self.meters.state(hello(worker), state(**changes))

    def leave(self, worker: str) -> None:
        self.meters.gone(hello(worker))

    def by(self, label: str, name: str) -> dict[str, float]:
        return {value: number for (value,), number in series(self.registry, name, label).items()}

    def unmetered(self) -> float:
        return total(self.registry, "tokentape_unmetered_calls_total")

    def scraped(self, name: str) -> list[str]:
        """What a scraper that has seen nothing is shown of a sample."""
        text = exposition(self.registry, View(openmetrics=False, now=tick(), seen=0)).decode()
        return [line for line in text.splitlines() if line.startswith(name)]


@pytest.fixture
def workers() -> Workers:
    return Workers()


def test_without_workers_nothing_is_in_flight(workers: Workers) -> None:
    assert total(workers.registry, "tokentape_inflight_requests") == 0
    assert total(workers.registry, "tokentape_oldest_inflight_seconds") == 0
    assert workers.meters.live == 0


def test_in_flight_is_summed_and_the_oldest_is_the_oldest_of_all(workers: Workers) -> None:
    workers.say("relay-0-11", inflight=3, oldest_inflight=20.0)
    workers.say("relay-1-12", inflight=4, oldest_inflight=7.0)
    assert total(workers.registry, "tokentape_inflight_requests") == 7
    assert total(workers.registry, "tokentape_oldest_inflight_seconds") == 20
    assert workers.by("worker", "tokentape_worker_inflight_requests") == {"relay-0": 3, "relay-1": 4}


def test_the_last_word_of_a_worker_counts(workers: Workers) -> None:
    workers.say("relay-0-11", inflight=3)
    workers.say("relay-0-11", inflight=1)
    assert total(workers.registry, "tokentape_inflight_requests") == 1


def test_the_gauges_of_a_worker_go_with_it(workers: Workers) -> None:
    workers.say("relay-0-11", inflight=3, resident_bytes=5)
    workers.leave("relay-0-11")
    assert total(workers.registry, "tokentape_inflight_requests") == 0
    assert workers.by("worker", "tokentape_worker_resident_memory_bytes") == {}
    assert workers.meters.live == 0


def test_a_worker_that_drains_shares_the_slot_with_its_successor(workers: Workers) -> None:
    workers.say("relay-0-11", buffered_bytes=10, loop_lag=0.5)
    workers.say("relay-0-12", buffered_bytes=1, loop_lag=0.25)
    assert workers.by("worker", "tokentape_worker_buffered_frames_bytes") == {"relay-0": 11}
    assert workers.by("worker", "tokentape_worker_event_loop_lag_seconds") == {"relay-0": 0.75}


def test_unmetered_calls_never_fall_whatever_happens_to_workers(workers: Workers) -> None:
    acts: list[Callable[[], None]] = [
        lambda: workers.say("relay-0-11", unmetered={"buffer_full": 2}),
        lambda: workers.say("relay-1-12", unmetered={"buffer_full": 1, "observer_lost": 4}),
        lambda: workers.say("relay-0-11", unmetered={"buffer_full": 5}),
        lambda: workers.leave("relay-0-11"),
        lambda: workers.say("relay-0-13", unmetered={}),
        lambda: workers.say("relay-0-13", unmetered={"buffer_full": 1}),
    ]
    seen = [workers.unmetered()]
    for act in acts:
        act()
        seen.append(workers.unmetered())
    assert seen == [0, 2, 7, 10, 10, 10, 11]
    assert workers.by("reason", "tokentape_unmetered_calls_total") == {
        "observer_down": 0,
        "buffer_full": 7,
        "observer_lost": 4,
    }


def test_a_worker_that_connects_again_is_not_counted_twice(workers: Workers) -> None:
    workers.say("relay-0-11", unmetered={"buffer_full": 2}, carried=10, cpu_seconds=1.0)
    workers.leave("relay-0-11")
    workers.say("relay-0-11", unmetered={"buffer_full": 3}, carried=12, cpu_seconds=1.5)
    assert workers.unmetered() == 3
    assert workers.by("worker", "tokentape_worker_carried_requests_total") == {"relay-0": 12}
    assert workers.by("worker", "tokentape_worker_cpu_seconds_total") == {"relay-0": 1.5}
    assert workers.by("worker", "tokentape_worker_restarts_total") == {"relay-0": 0}


def test_what_a_worker_lost_before_this_observer_is_no_drop_to_zero(workers: Workers) -> None:
    workers.say("relay-0-11", unmetered={"observer_lost": 7})
    assert workers.scraped("tokentape_unmetered_calls_total") == [
        'tokentape_unmetered_calls_total{reason="observer_down"} 0',
        'tokentape_unmetered_calls_total{reason="buffer_full"} 0',
        'tokentape_unmetered_calls_total{reason="observer_lost"} 7',
    ]


def test_every_reason_is_at_zero_before_it_happens(workers: Workers) -> None:
    workers.say("relay-0-11")
    before = workers.scraped("tokentape_unmetered_calls_total")
    workers.say("relay-0-11", unmetered={"buffer_full": 2})
    assert [line.rpartition(" ")[2] for line in before] == ["0", "0", "0"]
    assert workers.unmetered() == 2


def test_a_new_process_in_a_slot_is_a_restart(workers: Workers) -> None:
    for worker in ("relay-0-11", "relay-1-12", "relay-0-13", "relay-0-14", "relay-0-14"):
        workers.say(worker)
    assert workers.by("worker", "tokentape_worker_restarts_total") == {"relay-0": 2, "relay-1": 0}


def test_refused_requests_are_counted_over_restarts(workers: Workers) -> None:
    workers.say("relay-0-11", refused={"head_too_large": 2})
    workers.leave("relay-0-11")
    workers.say("relay-0-12", refused={"head_too_large": 1})
    assert workers.by("reason", "tokentape_refused_requests_total") == {"head_too_large": 3}


def test_only_so_many_lives_are_remembered(workers: Workers) -> None:
    for number in range(MAX_LIVES + 50):
        workers.say(f"relay-0-{number}", carried=1)
        workers.leave(f"relay-0-{number}")
    assert total(workers.registry, "tokentape_worker_carried_requests_total") == MAX_LIVES + 50
    assert total(workers.registry, "tokentape_worker_restarts_total") == MAX_LIVES + 49


@pytest.mark.parametrize(
    ("worker", "slot"),
    [
        ("relay-0-4711", "relay-0"),
        ("intercept-0-1", "intercept-0"),
        ("test", "test"),
        ("a-b", "a-b"),
        ("", ""),
    ],
)
def test_a_slot_is_the_name_without_the_process(worker: str, slot: str) -> None:
    assert slot_of(worker) == slot
