from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tokentape.proxy.telemetry.otel.batches import Batches

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

PATIENCE = 30.0


class Losses:
    """What was lost, by reason."""

    def __init__(self) -> None:
        self.by_reason: dict[str, list[int]] = {}

    def __call__(self, reason: str, items: list[int]) -> None:
        self.by_reason.setdefault(reason, []).extend(items)


def batches(
    handle: Callable[[list[int]], None], lose: Losses, *, queue: int = 10, batch: int = 4, delay: float = 0
) -> Batches[int]:
    return Batches("a test", handle, lose, queue=queue, batch=batch, delay=delay)


def test_items_are_handed_on_in_order_and_in_batches() -> None:
    taken: list[list[int]] = []
    losses = Losses()
    made = batches(taken.append, losses)
    for number in range(10):
        made.put(number)
    made.start()
    made.close(PATIENCE)
    assert taken == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert losses.by_reason == {}


def test_what_does_not_fit_is_lost_and_what_came_first_is_kept() -> None:
    taken: list[list[int]] = []
    losses = Losses()
    made = batches(taken.append, losses, queue=3)
    for number in range(5):
        made.put(number)
    made.start()
    made.close(PATIENCE)
    assert taken == [[0, 1, 2]]
    assert losses.by_reason == {"queue_full": [3, 4]}


def test_a_full_batch_waits_for_nothing() -> None:
    taken: list[list[int]] = []
    done = threading.Event()

    def handle(batch: list[int]) -> None:
        taken.append(batch)
        done.set()

    made = batches(handle, Losses(), batch=2, delay=3600)
    made.start()
    made.put(1)
    made.put(2)
    assert done.wait(PATIENCE)
    made.close(PATIENCE)
    assert taken == [[1, 2]]


def test_at_the_end_nothing_waits_for_more() -> None:
    taken: list[list[int]] = []
    made = batches(taken.append, Losses(), delay=3600)
    made.start()
    made.put(1)
    made.close(PATIENCE)
    assert taken == [[1]]


def test_what_there_is_no_time_for_is_lost() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def handle(_batch: list[int]) -> None:
        begun.set()
        go_on.wait()

    losses = Losses()
    made = batches(handle, losses, batch=1)
    made.start()
    for number in range(3):
        made.put(number)
    assert begun.wait(PATIENCE)
    made.close(0.01)
    made.put(3)
    go_on.set()
    assert losses.by_reason == {"shutdown": [1, 2, 3]}


def test_a_batch_that_cannot_be_handled_is_lost_and_the_next_is_not(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[Any] = []

    def handle(batch: list[int]) -> None:
        if 0 in batch or 4 in batch:
            raise RuntimeError("a test")
        taken.append(batch)

    losses = Losses()
    made = batches(handle, losses)
    for number in range(10):
        made.put(number)
    made.start()
    made.close(PATIENCE)
    assert taken == [[8, 9]]
    assert losses.by_reason == {"failed": [0, 1, 2, 3, 4, 5, 6, 7]}
    assert len(caplog.records) == 1, "a broken part fails at every batch, and says so once"
