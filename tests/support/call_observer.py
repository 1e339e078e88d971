"""An observer's process whose one sink writes each Call to stdout: `python -m tests.support.call_observer`.

Everything but the sink is what `tokentape up` runs. A line is one `Told`, as JSON.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from tokentape.proxy.frames import Hello, WorkerState  # noqa: TC001 (msgspec reads annotations)
from tokentape.proxy.messages.call import Call, OpenCall  # noqa: TC001 (same)
from tokentape.proxy.observer.dispatch import Dispatch
from tokentape.proxy.observer.process import Observer, ObserverConfig, run_observer

if TYPE_CHECKING:
    from typing import BinaryIO

    from tokentape.proxy.pricing.bill import Bill


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finished call, or what a worker says of itself."""

    call: Call | None = None
    state: WorkerState | None = None


class LineSink:
    """Writes what it is told, a line each, at once."""

    name = "lines"

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def opened(self, call: OpenCall) -> None:
        """Not of interest."""

    def closed(self, call: Call, bill: Bill | None) -> None:
        del bill
        self._write(Told(call=call))

    def worker_state(self, worker: Hello, state: WorkerState) -> None:
        del worker
        self._write(Told(state=state))

    def worker_gone(self, worker: Hello) -> None:
        """Not of interest."""

    def added_latency(self, direction: str, seconds: float) -> None:
        """Not of interest."""

    def _write(self, told: Told) -> None:
        self._out.write(msgspec.json.encode(told) + b"\n")
        self._out.flush()


if __name__ == "__main__":
    sink = LineSink(sys.stdout.buffer)
    config = msgspec.json.decode(sys.argv[1], type=ObserverConfig)
    run_observer(Observer(config, Dispatch(calls=[sink], workers=[sink])))
