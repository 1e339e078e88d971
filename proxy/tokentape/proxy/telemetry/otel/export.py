"""Everything that is exported, put together: the sink of calls, its queues and threads, and their end."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import TYPE_CHECKING, Final

from tokentape.proxy.telemetry.otel.capture import Capture
from tokentape.proxy.telemetry.otel.config import SIGNALS
from tokentape.proxy.telemetry.otel.content import ContentRenderer
from tokentape.proxy.telemetry.otel.context import Contexts
from tokentape.proxy.telemetry.otel.conventions import SCHEMA_URLS
from tokentape.proxy.telemetry.otel.pipeline import Finished, Outbox, Pipeline, server_attributes
from tokentape.proxy.telemetry.otel.resource import Envelope, resource_attributes
from tokentape.proxy.telemetry.otel.sending import Sender
from tokentape.proxy.telemetry.otel.tally import Tally, failure_rows, lost_rows, sent_rows
from tokentape.proxy.telemetry.otel.transport import open_transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from tokentape.proxy.messages.call import Call, OpenCall
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.instruments import Instruments
    from tokentape.proxy.telemetry.otel.capture import Decoder
    from tokentape.proxy.telemetry.otel.config import Batching, Exporting
    from tokentape.proxy.telemetry.otel.content import Renderer
    from tokentape.proxy.telemetry.otel.metric_push import MetricPush

CLOSE_SECONDS: Final = 5.0
"""How long the end may take for all signals together: the supervisor waits twice as long."""

REQUEST_LOG: Final = "request_log"
CONTENT: Final = "content"
"""What is counted beside the signals."""

_log = logging.getLogger(__name__)


class Export:
    """A CallSink that sends calls on as spans, events and lines, and has the registry sent as metrics.

    Args:
        exporting: what, where to, how.
        decoder_for: undoes content codings, for content.

    Raises:
        OSError: a certificate cannot be read, or the request log not be opened.
        ImportError: gRPC was asked for and is not installed.
    """

    name = "opentelemetry"

    def __init__(
        self,
        exporting: Exporting,
        *,
        decoder_for: Callable[[bytes, int], Decoder] | None = None,
    ) -> None:
        self._exporting = exporting
        self._tallies = {signal: Tally(signal) for signal in exporting.destinations}
        self._envelope = Envelope(resource_attributes(exporting.resource), SCHEMA_URLS[exporting.edition])
        self._contexts = Contexts(os.urandom(16), exporting.sampler, exporting.sampler_ratio)
        self.capture: Capture | None = None
        """The ExchangeSink that content comes from; there only where content is wanted and goes anywhere."""
        render = self._made_renderer()
        if render is not None and decoder_for is not None:
            self.capture = Capture(decoder_for, self._tallies[CONTENT])
        self._pipeline = self._made_pipeline(render)
        self._metrics: MetricPush | None = None
        self._log = None
        if exporting.request_log is not None:
            from tokentape.proxy.telemetry.otel.json_lines import RequestLogWriter  # noqa: PLC0415 - if used

            tally = self._tallies[REQUEST_LOG] = Tally(REQUEST_LOG)
            self._log = RequestLogWriter(exporting, exporting.request_log, self._contexts, tally)

    def opened(self, call: OpenCall) -> None:
        """Nothing is said of a call that has not ended."""

    def closed(self, call: Call, bill: Bill | None) -> None:
        """Put a finished call on its way. Quick, and never waits."""
        exchanged = self.capture.take(call.id) if self.capture is not None else None
        finished = Finished(call, bill, exchanged)
        if self._pipeline is not None:
            self._pipeline.put(finished)
        if self._log is not None:
            self._log.put(finished)

    def trace_id(self, call: Call) -> str:
        """The trace that a call's span is in; empty where it has none, and the caller no trace either."""
        if call.trace is not None:
            return call.trace.trace_id
        if self._exporting.traces is None:
            return ""
        context = self._contexts.of(call)
        return context.trace_id.hex() if self._contexts.sampled(call, context) else ""

    @property
    def wants_metrics(self) -> bool:
        """Whether a registry is to be sent."""
        return self._exporting.metrics is not None

    def send_metrics(self, registry: CollectorRegistry, metric_labels: tuple[str, ...], begun: float) -> None:
        """Have this registry sent; `begun` is since when it counts, in seconds since the epoch."""
        from tokentape.proxy.telemetry.otel.metric_push import MetricPush  # noqa: PLC0415 - where used
        from tokentape.proxy.telemetry.otel.metrics import MetricReader  # noqa: PLC0415 - same

        reader = MetricReader(
            registry,
            self._exporting,
            metric_labels=metric_labels,
            server=server_attributes(self._exporting),
            begun=begun,
        )
        interval = self._exporting.metric_interval
        self._metrics = MetricPush(reader, self._sender("metrics"), self._tallies["metrics"], interval)

    def show_counts(self, instruments: Instruments) -> None:
        """Let the registry tell what was sent and what was lost."""
        tallies = self._tallies.values()
        instruments.compute("tokentape_otlp_sent_items_total", lambda: sent_rows(tallies))
        instruments.compute("tokentape_otlp_lost_items_total", lambda: lost_rows(tallies))
        instruments.compute("tokentape_otlp_failed_requests_total", lambda: failure_rows(tallies))

    def start(self) -> None:
        """Start all threads."""
        for part in (self._pipeline, self._log, self._metrics):
            if part is not None:
                part.start()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Send what has come, for so long; the rest is counted as lost."""
        until = time.monotonic() + seconds
        if self._metrics is not None:
            self._metrics.stop()
        if self._pipeline is not None:
            self._pipeline.close(until)
        if self._log is not None:
            self._log.close(until - time.monotonic())
        if self._metrics is not None:
            self._metrics.close(until)
        lost = {signal: sum(tally.lost.values()) for signal, tally in self._tallies.items()}
        if any(lost.values()):
            told = ", ".join(f"{count} of {signal}" for signal, count in lost.items() if count)
            _log.warning("Not all was sent: %s were lost.", told)

    def _made_renderer(self) -> Renderer | None:
        content, going = self._exporting.content, self._exporting.destinations
        if not (content.spans and "traces" in going) and not (content.events and "logs" in going):
            return None
        tally = Tally(CONTENT)
        try:
            render = ContentRenderer(content, tally)
        except (ImportError, AttributeError, re.error) as error:
            _log.warning("No content is sent: %s (%s).", content.hook, type(error).__name__)
            return None
        self._tallies[CONTENT] = tally
        return render

    def _made_pipeline(self, render: Renderer | None) -> Pipeline | None:
        exporting = self._exporting
        spans = self._outbox("traces", exporting.spans)
        records = self._outbox("logs", exporting.records)
        if spans is None and records is None:
            return None
        return Pipeline(exporting, self._contexts, spans=spans, records=records, render=render)

    def _outbox(self, signal: str, batching: Batching) -> Outbox | None:
        if signal not in self._exporting.destinations:
            return None
        return Outbox(self._sender(signal), self._tallies[signal], batching)

    def _sender(self, signal: str) -> Sender:
        assert signal in SIGNALS
        destination = self._exporting.destinations[signal]
        place = destination.endpoint.partition("?")[0]
        return Sender(open_transport(destination, signal), self._envelope, self._tallies[signal], place)
