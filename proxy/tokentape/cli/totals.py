"""What a run amounted to: a few sums over its calls, kept in a file between two observers.

The observer writes the file, at most once a second and at its end; whoever started it reads it when
all is over. A sum survives the death of an observer but for that second.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from tokentape.cli.tokens import Tokens
from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.telemetry.prometheus import APART

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.proxy.frames import Hello, WorkerState
    from tokentape.proxy.messages.call import Call, Iteration, OpenCall, Usage


class Totals(msgspec.Struct):
    """The sums."""

    calls: int = 0
    errors: int = 0
    """Calls that did not end well, those aside that the client itself broke off."""
    aborted: int = 0
    """Calls that the client broke off."""
    tokens: Tokens = msgspec.field(default_factory=Tokens)
    unmetered: dict[str, int] = {}
    """By worker: calls that were carried but not understood, and so are in no other sum."""

    def add(self, call: Call) -> None:
        """Count a finished call."""
        self.calls += 1
        self.aborted += call.outcome == Outcome.CLIENT_ABORT
        self.errors += call.outcome not in {Outcome.OK, Outcome.CLIENT_ABORT}
        if call.usage is not None:
            self._add_tokens(call.usage)
            for iteration in call.usage.iterations:
                if iteration.type in APART:
                    self._add_tokens(iteration)

    def _add_tokens(self, usage: Usage | Iteration) -> None:
        tokens = self.tokens
        tokens.input += usage.input_tokens or 0
        tokens.cache_read += usage.cache_read_input_tokens or 0
        tokens.cache_write += usage.cache_creation_input_tokens or 0
        tokens.output += usage.output_tokens or 0


def read_totals(path: Path) -> Totals:
    """The sums kept at `path`; all 0 where there are none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Totals)
    except (OSError, msgspec.MsgspecError):
        return Totals()


class TotalsSink:
    """A CallSink and WorkerSink that keeps the sums in a file."""

    name = "totals"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._totals = read_totals(path)
        self._written = b""

    def opened(self, call: OpenCall) -> None:
        """Nothing is known yet."""

    def closed(self, call: Call) -> None:
        """Count a finished call."""
        self._totals.add(call)

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
