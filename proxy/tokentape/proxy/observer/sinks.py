"""What the observer hands finished work to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tokentape.proxy.frames import Frame, Hello, WorkerState
    from tokentape.proxy.messages.call import Call, OpenCall
    from tokentape.proxy.pricing.bill import Bill


class CallSink(Protocol):
    """A consumer of calls. An exception in it is counted, never felt by traffic or other sinks."""

    name: str
    """The `sink` label of `tokentape_sink_errors_total`."""

    def opened(self, call: OpenCall) -> None:
        """A request was read; its reply is still to come. Called at most once a call."""

    def closed(self, call: Call, bill: Bill | None) -> None:
        """A call is finished. Called exactly once a call; without a bill where calls are not priced.

        A result of a batch (`call.custom_id`) is a call too, once ever however often it is fetched.
        """


class LedgerSink(Protocol):
    """What keeps calls for good, and says when it has: `tokentape.proxy.ledger.sink`."""

    name: str

    def closed(self, call: Call, bill: Bill | None, position: tuple[str, int] | None = None) -> None:
        """A call is finished; `position` is its link and its number among those of the link."""

    def mark(self, link: str, count: int) -> None:
        """A link has closed `count` exchanges, the last of which was no call."""

    def recall(self, link: str) -> None:
        """What an observer before this one settled of a link is wanted; `settled` will tell."""

    def settled(self, link: str) -> int | None:
        """How many exchanges of a link are in the ledger, or counted as lost."""
        ...

    def take_fresh(self) -> list[tuple[Call, Bill | None]]:
        """Results of batches that turned out to be new."""
        ...

    @property
    def waiting(self) -> int:
        """Calls that are not settled yet."""
        ...


class ExchangeSink(Protocol):
    """A consumer of one worker's frames in order, with bytes and times, before they are understood."""

    name: str

    def frame(self, worker: Hello, frame: Frame) -> None:
        """Any frame about an exchange: OPENED to CLOSED or DROPPED."""


class WorkerSink(Protocol):
    """A consumer of what workers say of themselves."""

    name: str

    def worker_state(self, worker: Hello, state: WorkerState) -> None:
        """Once a second for each worker, and at once when its unmetered count changes."""

    def worker_gone(self, worker: Hello) -> None:
        """The link to the worker ended: its gauges must go, its counts must stay."""

    def added_latency(self, direction: str, seconds: float) -> None:
        """Time between receiving and passing on: direction `request` or `response`."""
