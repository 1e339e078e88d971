"""A line per call on the terminal.

A terminal can be stopped (Ctrl-S) or slow, and the observer must not wait for it: lines are written
by a thread behind a bounded queue, and what does not fit is only counted, and the count shown.
"""

from __future__ import annotations

import queue
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Final, TextIO

from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.pricing.bill import Status

if TYPE_CHECKING:
    from datetime import tzinfo

    from tokentape.proxy.messages.call import Call, OpenCall
    from tokentape.proxy.pricing.bill import Bill

_QUEUE: Final = 200
_CLOSE_SECONDS: Final = 1.0


def line(call: Call, bill: Bill | None = None, zone: tzinfo | None = None) -> str:
    """A call in one line: when, what, tokens by kind, what it cost, how long, and how it ended.

    Times are of `zone`, by default this machine's.
    """
    parts = [
        datetime.fromtimestamp(call.started_at).astimezone(zone).strftime("%H:%M:%S"),
        f"{call.model if call.model != 'none' else f'{call.method} {call.endpoint}':<24}",
        *_tokens(call),
        *_cost(bill),
        *_times(call),
        ending(call),
    ]
    return "  ".join(parts)


def _tokens(call: Call) -> list[str]:
    usage = call.usage
    if usage is None:
        return []
    amounts = {
        "in": usage.input_tokens,
        "cached": usage.cache_read_input_tokens,
        "wrote": usage.cache_creation_input_tokens,
        "out": usage.output_tokens,
    }
    return [f"{name} {tokens:,}" for name, tokens in amounts.items() if tokens]


def _cost(bill: Bill | None) -> list[str]:
    """Dollars; `~` where they are estimated, and in brackets where a subscription paid."""
    if bill is None or (bill.total is not None and not bill.items):
        return []
    if bill.total is None:
        return ["unpriced"]
    amount = f"{'~' if bill.status is Status.ESTIMATED else ''}${bill.total:.4f}"
    return [f"({amount})" if bill.subscription else amount]


def _times(call: Call) -> list[str]:
    first = call.timings.first_token_any
    shown = [] if first is None else [f"first token {first:.2f} s"]
    return [*shown, f"{call.timings.duration:.2f} s"]


def ending(call: Call) -> str:
    """The stop reason, or what went wrong."""
    if call.outcome == Outcome.OK:
        return call.stop_reason or str(call.status)
    why = call.error.type if call.error else call.outcome.value
    return f"{call.status} {why}" if call.outcome == Outcome.API_ERROR else why


class ConsoleSink:
    """A CallSink that prints."""

    name = "console"

    def __init__(self, out: TextIO | None = None) -> None:
        """Print to `out`, by default stdout."""
        self._out = out or sys.stdout
        self._queue: queue.Queue[tuple[Call, Bill | None] | None] = queue.Queue(_QUEUE)
        self._skipped = 0
        self._thread = threading.Thread(target=self._print, name="console", daemon=True)
        self._thread.start()

    def opened(self, call: OpenCall) -> None:
        """Nothing to say yet."""

    def closed(self, call: Call, bill: Bill | None = None) -> None:
        """Print a line, where there is room."""
        try:
            self._queue.put_nowait((call, bill))
        except queue.Full:
            self._skipped += 1

    def close(self) -> None:
        """Print what waits, unless the terminal is stopped."""
        try:
            self._queue.put(None, timeout=_CLOSE_SECONDS)
        except queue.Full:
            return
        self._thread.join(_CLOSE_SECONDS)

    def _print(self) -> None:
        while (priced := self._queue.get()) is not None:
            skipped, self._skipped = self._skipped, 0
            more = f"  ({skipped:,} more calls)\n" if skipped else ""
            try:
                self._out.write(f"{line(*priced)}\n{more}")
                self._out.flush()
            except (OSError, ValueError):
                return
