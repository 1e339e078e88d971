"""Sends the registry's figures at an interval, and once more at the end."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.proxy.telemetry.otel.metrics import MetricReader
    from tokentape.proxy.telemetry.otel.sending import Sender
    from tokentape.proxy.telemetry.otel.tally import Tally

_log = logging.getLogger(__name__)


class MetricPush:
    """A thread that reads and sends.

    Args:
        reader: of the registry.
        sender: to the collector.
        tally: where readings that failed are counted.
        interval: seconds.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        reader: MetricReader,
        sender: Sender,
        tally: Tally,
        interval: float,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the observer's own wall clock
    ) -> None:
        self._reader = reader
        self._sender = sender
        self._tally = tally
        self._interval = interval
        self._clock = clock
        self._stop = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send a last time."""
        self._sender.stop()
        self._stop.set()

    def close(self, until: float) -> None:
        """Stop, and wait until this monotonic time."""
        self.stop()
        self._thread.join(max(0.0, until - time.monotonic()))
        self._sender.close()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._push()
        self._push()

    def _push(self) -> None:
        try:
            reading = self._reader.read(self._clock())
            if reading.messages and self._sender.send(reading.messages, reading.points):
                self._reader.taken()
        except Exception:
            self._tally.lose("failed", 1)
            if not self._failed:
                _log.exception("Metrics could not be written for OTLP; /metrics goes on.")
            self._failed = True
