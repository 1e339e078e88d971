"""What OpenTelemetry costs by itself: CPU a call for its span and its event, and a whole export of metrics.

Run `python -m tests.benchmarks.otlp`. The best of many short batches is shown, which is what the code costs
where nothing else wants the machine. What is measured is read back with the official classes first. The whole
way of a call is measured in CPU time of this process, all threads together, with a collector that takes
everything at once: queue, encoding, request.
"""

from __future__ import annotations

import time
import timeit
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from tests.support import otlp
from tests.support.calls import varied_calls
from tests.support.full_call import BILL, full_call

from tokentape.proxy.telemetry.otel.attributes import Facts
from tokentape.proxy.telemetry.otel.config import Batching, Destination, Exporting
from tokentape.proxy.telemetry.otel.context import Contexts
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.events import EventWriter
from tokentape.proxy.telemetry.otel.export import Export
from tokentape.proxy.telemetry.otel.metrics import MetricReader
from tokentape.proxy.telemetry.otel.resource import Envelope
from tokentape.proxy.telemetry.otel.spans import SpanWriter
from tokentape.proxy.telemetry.otel.transport import Answer
from tokentape.proxy.telemetry.prometheus import PrometheusSink

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tokentape.proxy.messages.call import Call

BATCHES = 60
CALLS_A_BATCH = 100
CALLS = 4000
CASES: dict[str, Call] = {
    "a cached stream": varied_calls("claude-sonnet-4-5", "checkout")[0],
    "everything a call can say": full_call(),
}


class Writer:
    """Makes spans and events as the pipeline does, in this thread."""

    def __init__(self) -> None:
        self._facts = Facts(Edition.V1_41)
        contexts = Contexts(b"benchmark")
        self._spans, self._events = SpanWriter(contexts), EventWriter(contexts)

    def write(self, call: Call) -> tuple[bytes, bytes]:
        """A span and its event."""
        facts = self._facts.encoded(call, BILL)
        assert self._spans.wants(call)
        return self._spans.span(call, facts), self._events.event(call, facts)


def check() -> None:
    """Raises: RuntimeError: what is written is not what the call says."""
    span, event = Writer().write(full_call())
    envelope = Envelope({}, "")
    (read,), (record,) = otlp.spans(envelope.request([span])), otlp.records(envelope.request([event]))
    said = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in Facts(Edition.V1_41).of(full_call(), BILL)
    }
    recorded = otlp.attributes(record.attributes)
    del recorded["tokentape.duration"]
    if otlp.attributes(read.attributes) != said or recorded != said:
        raise RuntimeError("Spans or events are wrong.")


def best(work: Callable[[], object]) -> float:
    """Microseconds of the best batch, each time."""
    times = timeit.repeat(work, repeat=BATCHES, number=CALLS_A_BATCH)
    return min(times) / CALLS_A_BATCH * 1e6


class Takes:
    """A collector that takes everything at once."""

    def send(self, body: bytes) -> Answer:
        """Take it."""
        del body
        return Answer()

    def close(self) -> None:
        """Nothing is open."""


def opened(destination: Destination, signal: str) -> Takes:
    """In place of a way to a collector."""
    del destination, signal
    return Takes()


def whole_way(monkeypatch: pytest.MonkeyPatch) -> float:
    """Microseconds of CPU of all threads, per call, from the sink to the collector."""
    monkeypatch.setattr("tokentape.proxy.telemetry.otel.export.open_transport", opened)
    wide = Batching(queue=CALLS, delay=0.2)
    nowhere = Destination(endpoint="http://127.0.0.1:1")
    export = Export(Exporting(traces=nowhere, logs=nowhere, spans=wide, records=wide))
    calls = [
        full_call(id=f"relay-0-1:{n}", request_id=f"req_{n}", message_id=f"msg_{n}") for n in range(CALLS)
    ]
    export.start()
    before = time.process_time()
    for call in calls:
        export.closed(call, BILL)
    export.close(60)
    return (time.process_time() - before) / CALLS * 1e6


def metrics() -> tuple[float, int]:
    """Milliseconds of one reading of a registry with 8 models in 20 projects, and its points."""
    registry = CollectorRegistry()
    sink = PrometheusSink(registry, bill=True)
    for model in range(8):
        for project in range(20):
            for call in varied_calls(f"claude-{model}", f"project-{project}"):
                sink.closed(call, BILL)
    reader = MetricReader(registry, Exporting(), metric_labels=("project",), server={}, begun=0)
    times = timeit.repeat(lambda: reader.read(1.0), repeat=5, number=1)
    return min(times) * 1000, sum(reader.read(1.0).points)


def main() -> None:
    """Check, measure, print."""
    import pytest

    check()
    for name, call in CASES.items():
        writer = Writer()
        print(f"span and event of {name:<28} {best(partial(writer.write, call)):6.0f} µs")
    with pytest.MonkeyPatch.context() as patch:
        print(f"{'the whole way of a call, all threads':<45} {whole_way(patch):6.0f} µs")
    milliseconds, points = metrics()
    print(f"{f'an export of metrics, {points:,} points':<45} {milliseconds:6.0f} ms")


if __name__ == "__main__":
    main()
