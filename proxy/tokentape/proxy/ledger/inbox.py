"""What the observer's thread hands to the writer's: bounded, without waiting, in order.

Two threads, no lock: `deque` appends and pops are atomic, and each counter has one writer.
"""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tokentape.proxy.ledger.batch import Position
    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill

    Handed = tuple[Call, Bill | None, Position | None]

FLUSH_ROWS: Final = 1024
"""Calls that end the wait for more."""


class Mark(NamedTuple):
    """Everything of `link` up to `closed` is in front of this."""

    link: str
    closed: int


class Recall(NamedTuple):
    """What the ledger holds as the mark of `link` is wanted."""

    link: str


class Taken(NamedTuple):
    """What was taken out at once."""

    calls: list[Handed]
    marks: dict[str, int]
    recalls: list[str]


class Inbox:
    """Calls that wait to be written.

    Attributes:
        accepted: calls taken in.
        settled: calls whose row is committed, or counted as lost after they were accepted.
        refused: calls that found no room.
    """

    def __init__(self, limit: int, gather: float) -> None:
        """Hold up to `limit` unsettled calls; have them taken out every `gather` seconds at most."""
        self._limit = limit
        self._gather = gather
        self._waiting: deque[Handed | Mark | Recall] = deque()
        self._bell = threading.Event()
        self._idle = False
        self._taken_at = 0.0
        self.accepted = 0
        self.settled = 0
        self.refused = 0
        self.closing = False

    @property
    def waiting(self) -> int:
        """Calls and marks that were not taken out yet."""
        return len(self._waiting)

    # The observer's thread.

    def put(self, handed: Handed) -> bool:
        """Take a call in; False where there is no room for it."""
        if self.accepted - self.settled >= self._limit:
            self.refused += 1
            return False
        self.accepted += 1
        waiting = self._waiting
        waiting.append(handed)
        if self._idle or len(waiting) == FLUSH_ROWS:
            self._ring()
        return True

    def mark(self, link: str, count: int) -> None:
        """Put a mark behind all calls so far."""
        self._append(Mark(link, count))

    def recall(self, link: str) -> None:
        """Ask for a mark that another observer left."""
        self._append(Recall(link))

    def _append(self, item: Mark | Recall) -> None:
        self._waiting.append(item)
        if self._idle or len(self._waiting) == FLUSH_ROWS:
            self._ring()

    def _ring(self) -> None:
        self._idle = False
        self._bell.set()

    def close(self) -> None:
        """Nothing more will come: write at once what is here."""
        self.closing = True
        self._bell.set()

    # The writer's thread.

    def wait(self, patience: float | None) -> None:
        """Return when there is something to take, or after `patience`.

        After a rest that is at once. Under load it is `gather` seconds after the last time, or as soon as
        there is much: what came meanwhile has waited already, and goes in one transaction.
        """
        if not self._waiting and not self._await_first(patience):
            return
        deadline = self._taken_at + self._gather
        while not self.closing and len(self._waiting) < FLUSH_ROWS:
            left = deadline - monotonic()
            if left <= 0:
                break
            self._bell.wait(left)
            self._bell.clear()

    def _await_first(self, patience: float | None) -> bool:
        self._idle = True
        if not self._waiting and not self.closing:
            self._bell.wait(patience)
        self._idle = False
        self._bell.clear()
        return bool(self._waiting)

    def pause(self, seconds: float) -> None:
        """Wait, unless rung."""
        self._bell.wait(seconds)
        self._bell.clear()

    def take(self, most: int) -> Taken:
        """Up to `most` items: calls in order, and the last mark of each link among them."""
        taken = calls, marks, recalls = Taken([], {}, [])
        self._taken_at = monotonic()
        waiting = self._waiting
        for _ in range(min(most, len(waiting))):
            item = waiting.popleft()
            if isinstance(item, Mark):
                marks[item.link] = item.closed
            elif isinstance(item, Recall):
                recalls.append(item.link)
            else:
                calls.append(item)
        return taken
