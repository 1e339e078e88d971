"""The way of a finished call: from the observer's thread through encoding to a sender for each signal.

The observer's thread only puts the call into a queue. One thread writes spans and log records, whose
attributes are the same, and one thread a signal sends them, so that a slow collector of one holds back
none of the others. Every queue is bounded, and what does not fit is counted.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from tokentape.proxy.telemetry.otel import conventions
from tokentape.proxy.telemetry.otel.attributes import Facts
from tokentape.proxy.telemetry.otel.batches import Batches
from tokentape.proxy.telemetry.otel.events import EventWriter
from tokentape.proxy.telemetry.otel.spans import SpanWriter
from tokentape.proxy.telemetry.otel.values import attributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.otel.config import Batching, Exporting
    from tokentape.proxy.telemetry.otel.content import Rendered, Renderer
    from tokentape.proxy.telemetry.otel.context import Contexts
    from tokentape.proxy.telemetry.otel.exchanged import Exchanged
    from tokentape.proxy.telemetry.otel.sending import Sender
    from tokentape.proxy.telemetry.otel.tally import Tally
    from tokentape.proxy.telemetry.otel.values import Value

_ENCODE_DELAY: Final = 0.2
"""Seconds that a call waits for others before it is written."""
_ENCODE_BATCH: Final = 256

_log = logging.getLogger(__name__)


class Finished(NamedTuple):
    """A call on its way out."""

    call: Call
    bill: Bill | None
    exchanged: Exchanged | None = None
    """What was asked and answered, where that was wanted."""


def server_attributes(exporting: Exporting) -> dict[str, Value]:
    """The attributes that every span and event has."""
    if not exporting.server_address:
        return {}
    return {
        conventions.SERVER_ADDRESS: exporting.server_address,
        conventions.SERVER_PORT: exporting.server_port,
    }


class Outbox:
    """What one signal sends: encoded items, their sender, and the count of both."""

    def __init__(self, sender: Sender, tally: Tally, batching: Batching) -> None:
        self.tally = tally
        self._sender = sender
        self._batches = Batches[bytes](
            f"otlp-{tally.signal}",
            self._send,
            lambda reason, items: tally.lose(reason, len(items)),
            queue=batching.queue,
            batch=batching.batch,
            delay=batching.delay,
        )
        self.put = self._batches.put
        self.start = self._batches.start

    def _send(self, items: list[bytes]) -> None:
        self._sender.send(items)

    def stop(self) -> None:
        """Send what has come, each batch once."""
        self._sender.stop()
        self._batches.stop()

    def close(self, until: float) -> None:
        """Stop, and wait until this monotonic time; what is left then is lost."""
        self.stop()
        self._batches.close(until - time.monotonic())
        self._sender.close()


class Pipeline:
    """Writes calls as spans and log records, and has them sent.

    Args:
        exporting: names, limits and times.
        contexts: ids and sampling.
        spans: where spans go, if anywhere.
        records: where log records go, if anywhere.
        render: what makes content of what was exchanged, where that is wanted.
    """

    def __init__(
        self,
        exporting: Exporting,
        contexts: Contexts,
        *,
        spans: Outbox | None,
        records: Outbox | None,
        render: Renderer | None = None,
    ) -> None:
        constant = attributes(server_attributes(exporting))
        self._content = exporting.content
        self._facts = Facts(exporting.edition)
        self._span_writer = SpanWriter(contexts, constant)
        self._event_writer = EventWriter(contexts, constant)
        self._spans, self._records = spans, records
        self._render = render
        self._calls = Batches[Finished](
            "otlp-encode",
            self._encode,
            self._lose,
            queue=max(exporting.spans.queue, exporting.records.queue),
            batch=_ENCODE_BATCH,
            delay=_ENCODE_DELAY,
        )
        self.put = self._calls.put
        self._failed = False

    def start(self) -> None:
        """Start all threads."""
        self._calls.start()
        for outbox in self._outboxes:
            outbox.start()

    def close(self, until: float) -> None:
        """Write and send what has come, until this monotonic time; the rest is lost."""
        self._calls.close(until - time.monotonic())
        for outbox in self._outboxes:
            outbox.stop()
        for outbox in self._outboxes:
            outbox.close(until)

    @property
    def _outboxes(self) -> Sequence[Outbox]:
        return [outbox for outbox in (self._spans, self._records) if outbox is not None]

    def _encode(self, batch: list[Finished]) -> None:
        for finished in batch:
            try:
                self._write(finished)
            except Exception:
                self._lose("failed", [finished])
                if not self._failed:
                    _log.exception("A call could not be written as a span or event; calls go on.")
                self._failed = True

    def _write(self, finished: Finished) -> None:
        call, bill = finished.call, finished.bill
        facts = self._facts.encoded(call, bill)
        spans = self._spans if self._spans is not None and self._span_writer.wants(call) else None
        on_span = spans is not None and self._content.spans
        in_event = self._records is not None and self._content.events
        rendered = self._rendered(finished) if on_span or in_event else None
        if spans is not None:
            content = rendered.pairs if rendered is not None and on_span else []
            spans.put(self._span_writer.span(call, [*facts, *content]))
        if self._records is not None:
            self._records.put(self._event_writer.event(call, facts))
            if rendered is not None and in_event:
                self._records.put(self._event_writer.content_event(call, rendered.values))

    def _rendered(self, finished: Finished) -> Rendered | None:
        if self._render is None or finished.exchanged is None:
            return None
        return self._render(finished.exchanged)

    def _lose(self, reason: str, lost: list[Finished]) -> None:
        if self._spans is not None:
            self._spans.tally.lose(reason, sum(self._span_writer.wants(each.call) for each in lost))
        if self._records is not None:
            self._records.tally.lose(reason, len(lost))
