from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.support import otlp

from tokentape.proxy.telemetry.otel import wire
from tokentape.proxy.telemetry.otel.resource import Envelope
from tokentape.proxy.telemetry.otel.sending import Sender
from tokentape.proxy.telemetry.otel.tally import Tally
from tokentape.proxy.telemetry.otel.transport import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

TAKEN = Answer()
BUSY = Answer(reason="status_503", detail="it answered 503", again=True)
REFUSED = Answer(reason="status_401", detail="it answered 401")
TOO_LARGE = Answer(reason="too_large", too_large=True)
ITEMS = [wire.text(5, f"span {number}") for number in range(4)]


class Collector:
    """A transport that answers in order, then takes everything; keeps the names of spans it was sent."""

    def __init__(self, *answers: Answer, largest: int = 100) -> None:
        self.answers = list(answers)
        self.largest = largest
        self.sent: list[list[str]] = []

    def send(self, body: bytes) -> Answer:
        names = [span.name for span in otlp.spans(body)]
        self.sent.append(names)
        if len(names) > self.largest:
            return TOO_LARGE
        return self.answers.pop(0) if self.answers else TAKEN

    def close(self) -> None:
        """Nothing is open."""


def sender(collector: Collector, waits: Sequence[float] = (0, 0)) -> tuple[Sender, Tally]:
    tally = Tally("traces")
    return Sender(collector, Envelope({}, ""), tally, "http://collector", waits), tally


def losses(tally: Tally) -> dict[str, int]:
    return {reason: count for reason, count in tally.lost.items() if count}


def test_what_is_taken_is_counted() -> None:
    collector = Collector()
    made, tally = sender(collector)
    assert made.send(ITEMS) == 4
    assert collector.sent == [["span 0", "span 1", "span 2", "span 3"]]
    assert (tally.sent, losses(tally), dict(tally.failures)) == (4, {}, {})


def test_a_busy_collector_is_asked_again() -> None:
    collector = Collector(BUSY, BUSY)
    made, tally = sender(collector)
    assert made.send(ITEMS) == 4
    assert len(collector.sent) == 3
    assert (tally.sent, losses(tally), dict(tally.failures)) == (4, {}, {"status_503": 2})


def test_one_that_stays_busy_is_given_up() -> None:
    collector = Collector(*[BUSY] * 5)
    made, tally = sender(collector)
    assert made.send(ITEMS) == 0
    assert (tally.sent, losses(tally), dict(tally.failures)) == (0, {"unreachable": 4}, {"status_503": 3})


def test_a_refusal_is_final() -> None:
    collector = Collector(REFUSED)
    made, tally = sender(collector)
    assert made.send(ITEMS) == 0
    assert (len(collector.sent), losses(tally)) == (1, {"refused": 4})


def test_what_is_too_large_is_sent_in_halves() -> None:
    collector = Collector(largest=1)
    made, tally = sender(collector)
    assert made.send(ITEMS) == 4
    assert [names for names in collector.sent if len(names) == 1] == [[f"span {n}"] for n in range(4)]
    assert (tally.sent, losses(tally)) == (4, {})


def test_one_item_that_is_too_large_is_lost_and_takes_no_other_along() -> None:
    collector = Collector(largest=0)
    made, tally = sender(collector)
    assert made.send(ITEMS) == 0
    assert losses(tally) == {"too_large": 4}


def test_halves_keep_their_weights() -> None:
    made, tally = sender(Collector(largest=1))
    assert made.send(ITEMS, [1, 2, 3, 4]) == tally.sent == 10


def test_items_rejected_out_of_a_request_that_was_taken_are_lost() -> None:
    made, tally = sender(Collector(Answer(rejected=3)))
    assert made.send(ITEMS) == 1
    assert (tally.sent, losses(tally)) == (1, {"rejected": 3})


def test_a_collector_that_counts_more_than_it_was_sent_does_not_bring_the_count_below_zero() -> None:
    made, tally = sender(Collector(Answer(rejected=99)))
    assert made.send(ITEMS) == 0
    assert (tally.sent, losses(tally)) == (0, {"rejected": 4})


def test_once_stopped_nothing_is_waited_for() -> None:
    collector = Collector(*[BUSY] * 9)
    made, tally = sender(collector, waits=(3600, 3600))
    made.stop()
    assert made.send(ITEMS) == 0
    assert (len(collector.sent), losses(tally)) == (1, {"unreachable": 4})


def test_a_stop_ends_a_wait_and_tries_a_last_time() -> None:
    class Impatient(Collector):
        def send(self, body: bytes) -> Answer:
            answer = super().send(body)
            threading.Timer(0.01, made.stop).start()
            return answer

    collector = Impatient(BUSY)
    made, tally = sender(collector, waits=(3600,))
    assert made.send(ITEMS) == 4
    assert (len(collector.sent), tally.sent) == (2, 4)


def test_trouble_and_its_end_are_one_line_each(caplog: pytest.LogCaptureFixture) -> None:
    made, _ = sender(Collector(REFUSED, REFUSED))
    for _ in range(4):
        made.send(ITEMS)
    assert [record.message for record in caplog.records] == [
        "http://collector does not take traces: it answered 401. Calls go on; what is lost is counted.",
        "http://collector takes traces again.",
    ]
