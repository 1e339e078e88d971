"""Prices calls, and hands them, frames and worker states to the sinks.

A sink that fails is counted and left alone, and so is pricing: a call is then unpriced, never lost.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from tokentape.proxy.observer.backlog import ROOM, SLICE, Backlog, result_calls
from tokentape.proxy.pricing.batches import SeenInMemory, result_key
from tokentape.proxy.pricing.bill import Bill, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokentape.proxy.frames import Frame, Hello, WorkerState
    from tokentape.proxy.messages.call import Call, OpenCall
    from tokentape.proxy.observer.sinks import CallSink, ExchangeSink, LedgerSink, WorkerSink
    from tokentape.proxy.pricing.batches import BatchResult

PRICING: Final = "pricing"
"""The `sink` label under which calls are counted that pricing failed on."""

_log = logging.getLogger(__name__)


class Dispatch:
    """All sinks of one observer.

    Args:
        calls: sinks of calls, beside the ledger.
        exchanges: sinks of frames.
        workers: sinks of what workers say.
        price: what makes a bill of a call; without it there are none.
        ledger: what keeps calls for good. It alone knows whether a batch's result is new, so results go
            to the other sinks once it has said so.

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
        *,
        price: Callable[[Call], Bill] | None = None,
        ledger: LedgerSink | None = None,
    ) -> None:
        self._calls = calls
        self._exchanges = exchanges
        self._workers = workers
        self._price = price
        self.ledger = ledger
        self._backlog = Backlog()
        self._seen = SeenInMemory()
        self.errors: Counter[str] = Counter()
        self.calls = 0

    @property
    def names(self) -> list[str]:
        """What errors are counted under."""
        ledger = [] if self.ledger is None else [self.ledger.name]
        priced = [] if self._price is None else [PRICING]
        return [*(sink.name for sink in self._calls), *ledger, *priced]

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

    @property
    def behind(self) -> bool:
        """Results of batches wait for room in the ledger."""
        return bool(self._backlog)

    def closed(self, call: Call, position: tuple[str, int] | None = None) -> None:
        """A call is finished; `position` is its link and its number among those of the link."""
        self.calls += 1
        bill = self._bill(call)
        if self.ledger is not None:
            self._keep(call, bill, position)
        self._tell(call, bill)

    def fetched(self, call: Call, results: Sequence[BatchResult], done: Callable[[], None]) -> None:
        """A call that fetched results of a batch is finished; `done` is called once they are handed over."""
        if self.ledger is not None:
            self._backlog.add(call, results, done)
            self.pump()
            return
        for result in result_calls(call, results):
            assert result.batch_id is not None
            assert result.custom_id is not None
            if self._seen.first(result_key(result.batch_id, result.custom_id)):
                self._tell(result, self._bill(result))
        done()

    def pump(self) -> None:
        """Hand over results that there is room for, and tell the sinks of those that were new."""
        if self.ledger is None:
            return
        if self._backlog and self.ledger.waiting < ROOM:
            for result in self._backlog.take(SLICE):
                self._keep(result, self._bill(result), None)
        for fresh, bill in self.ledger.take_fresh():
            self._tell(fresh, bill)

    def nothing(self, link: str, count: int) -> None:
        """Exchange number `count` of a link ended, and was no call."""
        if self.ledger is not None:
            self.ledger.mark(link, count)

    def _bill(self, call: Call) -> Bill | None:
        if self._price is None:
            return None
        try:
            return self._price(call)
        except Exception:
            self.failed(PRICING)
            reasons = ("pricing_failed",)
            return Bill(status=Status.UNPRICED, total=None, reasons=reasons, subscription=call.subscription)

    def _keep(self, call: Call, bill: Bill | None, position: tuple[str, int] | None) -> None:
        assert self.ledger is not None
        try:
            self.ledger.closed(call, bill, position)
        except Exception:
            self.failed(self.ledger.name)

    def _tell(self, call: Call, bill: Bill | None) -> None:
        for sink in self._calls:
            try:
                sink.closed(call, bill)
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
            _log.exception("%s failed; calls go on without it where it fails.", name.capitalize())
