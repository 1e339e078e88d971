"""Hands calls, frames and worker states to the sinks; a sink that fails is counted and left alone."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.frames import Frame, Hello, WorkerState
    from tokentape.proxy.messages.call import Call, OpenCall
    from tokentape.proxy.observer.sinks import CallSink, ExchangeSink, WorkerSink

_log = logging.getLogger(__name__)


class Dispatch:
    """All sinks of one observer.

    Attributes:
        errors: exceptions by sink name since the start. Only the first of each sink is logged: a
            broken sink fails at every call.
        calls: calls handed out since the start.
    """

    def __init__(
        self,
        calls: Sequence[CallSink] = (),
        exchanges: Sequence[ExchangeSink] = (),
        workers: Sequence[WorkerSink] = (),
    ) -> None:
        self._calls = calls
        self._exchanges = exchanges
        self._workers = workers
        self.errors: Counter[str] = Counter()
        self.calls = 0

    @property
    def wants_frames(self) -> bool:
        """Some sink takes frames, so that they need to be handed out at all."""
        return bool(self._exchanges)

    def opened(self, call: OpenCall) -> None:
        """A request has been read."""
        for sink in self._calls:
            try:
                sink.opened(call)
            except Exception:
                self.failed(sink.name)

    def closed(self, call: Call) -> None:
        """A call is finished."""
        self.calls += 1
        for sink in self._calls:
            try:
                sink.closed(call)
            except Exception:
                self.failed(sink.name)

    def frame(self, worker: Hello, frame: Frame) -> None:
        """A frame about an exchange has come."""
        for sink in self._exchanges:
            try:
                sink.frame(worker, frame)
            except Exception:
                self.failed(sink.name)

    def worker_state(self, worker: Hello, state: WorkerState) -> None:
        """A worker has said how it is."""
        for sink in self._workers:
            try:
                sink.worker_state(worker, state)
            except Exception:
                self.failed(sink.name)

    def worker_gone(self, worker: Hello) -> None:
        """A worker's link has ended."""
        for sink in self._workers:
            try:
                sink.worker_gone(worker)
            except Exception:
                self.failed(sink.name)

    def added_latency(self, direction: str, seconds: float) -> None:
        """Bytes have been passed on."""
        for sink in self._workers:
            try:
                sink.added_latency(direction, seconds)
            except Exception:
                self.failed(sink.name)

    def failed(self, name: str) -> None:
        """Count the exception being handled against a sink."""
        self.errors[name] += 1
        if self.errors[name] == 1:
            _log.exception("The %s sink failed; calls go on without it where it fails.", name)
