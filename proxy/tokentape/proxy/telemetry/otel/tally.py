"""What was sent of a signal, and what was lost: counted where it happens, read by the registry."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    Rows = list[tuple[tuple[str, ...], float]]
    """Label values and numbers, as the registry asks for them."""

REASONS: Final = {
    "queue_full": "they came faster than they could be sent",
    "unreachable": "the collector was away, or busy, for longer than it was tried",
    "refused": "the collector would not have them",
    "too_large": "one item alone was too much for it",
    "rejected": "it took the request, but not these of its items",
    "failed": "an error of tokentape's own",
    "shutdown": "there was no time left at the end",
}
"""Why items are lost."""


class Tally:
    """The counts of one signal."""

    def __init__(self, signal: str) -> None:
        self.signal = signal
        self.sent = 0
        """Items that a collector took: spans, log records, or points of metrics."""
        self.lost: Counter[str] = Counter()
        """Items by reason."""
        self.failures: Counter[str] = Counter()
        """Requests that were not taken, by what the collector said."""
        self._lock = threading.Lock()

    def lose(self, reason: str, count: int) -> None:
        """Count lost items. Any thread."""
        with self._lock:
            self.lost[reason] += count


def sent_rows(tallies: Iterable[Tally]) -> Rows:
    """What was sent."""
    return [((tally.signal,), tally.sent) for tally in tallies]


def lost_rows(tallies: Iterable[Tally]) -> Rows:
    """What was lost; each reason is there from the start."""
    return [((tally.signal, reason), tally.lost[reason]) for tally in tallies for reason in REASONS]


def failure_rows(tallies: Iterable[Tally]) -> Rows:
    """Requests that were not taken."""
    return [((tally.signal, reason), n) for tally in tallies for reason, n in list(tally.failures.items())]
