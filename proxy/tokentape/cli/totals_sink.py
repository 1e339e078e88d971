"""The sink that keeps `Totals` in a file."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from tokentape.cli.totals import Totals, read_totals
from tokentape.proxy.ledger import sums
from tokentape.proxy.ledger.rollups import increments
from tokentape.proxy.ledger.rows import row_of
from tokentape.proxy.ledger.schema import SUMS
from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.telemetry.prometheus import APART

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.proxy.frames import Hello, WorkerState
    from tokentape.proxy.messages.call import Call, Iteration, OpenCall, Usage
    from tokentape.proxy.pricing.bill import Bill


class TotalsSink:
    """A CallSink and WorkerSink that keeps the sums in a file."""

    name = "totals"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._totals = read_totals(path)
        self._written = b""

    def opened(self, call: OpenCall) -> None:
        """Nothing is known yet."""

    def closed(self, call: Call, bill: Bill | None = None) -> None:
        """Count a finished call."""
        add(self._totals, call, bill)

    def worker_state(self, worker: Hello, state: WorkerState) -> None:
        """Once a second: note what was not metered, and write."""
        if state.unmetered:
            self._totals.unmetered[worker.worker] = sum(state.unmetered.values())
        self.write()

    def worker_gone(self, worker: Hello) -> None:
        """What it counted stays."""

    def added_latency(self, direction: str, seconds: float) -> None:
        """Not summed here."""

    def write(self) -> None:
        """Write the sums, where they changed. A disk that cannot take them must not disturb the rest."""
        data = msgspec.json.encode(self._totals)
        if data == self._written:
            return
        with contextlib.suppress(OSError):
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(data)
            fresh.replace(self._path)
            self._written = data


def add(totals: Totals, call: Call, bill: Bill | None = None) -> None:
    """Count a finished call, or a result of a batch, which is no request of its own."""
    _add_sums(totals, call, bill)
    if call.custom_id is not None:
        return
    totals.calls += 1
    totals.aborted += call.outcome == Outcome.CLIENT_ABORT
    totals.errors += call.outcome not in {Outcome.OK, Outcome.CLIENT_ABORT}
    if call.usage is not None:
        _add_tokens(totals, call.usage)
        for iteration in call.usage.iterations:
            if iteration.type in APART:
                _add_tokens(totals, iteration)


def _add_sums(totals: Totals, call: Call, bill: Bill | None) -> None:
    """Add it to the sums of its model, as the ledger would: each of its increments is the whole call."""
    more = list(increments([row_of(call, bill)])[0][-len(SUMS) - 2 :])
    before = totals.models.get(call.model)
    if before is None:
        totals.models[call.model] = more
    else:
        sums.add(before, more)


def _add_tokens(totals: Totals, usage: Usage | Iteration) -> None:
    tokens = totals.tokens
    tokens.input += usage.input_tokens or 0
    tokens.cache_read += usage.cache_read_input_tokens or 0
    tokens.cache_write += usage.cache_creation_input_tokens or 0
    tokens.output += usage.output_tokens or 0
