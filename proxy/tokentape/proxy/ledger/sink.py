"""The ledger as a sink: what the observer holds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tokentape.proxy.ledger.store import open_store
from tokentape.proxy.ledger.writer import GATHER_SECONDS, QUEUE_CALLS, Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.proxy.ledger.batch import Position, Priced
    from tokentape.proxy.ledger.location import Location
    from tokentape.proxy.ledger.migrations import Identity
    from tokentape.proxy.ledger.retention import Retention
    from tokentape.proxy.ledger.store import Store
    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill


class LedgerSink:
    """Takes calls from one thread and never waits."""

    name = "ledger"

    def __init__(
        self,
        location: Location,
        *,
        identity: Identity | None = None,
        retention: Retention | None = None,
        limit: int = QUEUE_CALLS,
        gather: float = GATHER_SECONDS,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            location: of the ledger.
            identity: for a ledger that has to be made: give the one whose salt is in use.
            retention: what may be forgotten.
            limit: calls that may wait for the database.
            gather: seconds between two transactions, under load.
        """
        opening = partial(_open, location, identity)
        self.writer = Writer(opening, retention=retention, limit=limit, gather=gather)
        self._put = self.writer.inbox.put
        self._owed: dict[str, int] = {}
        """Marks of calls that found no room: they are settled, as lost."""

    def start(self, on_settled: Callable[[], None] = lambda: None) -> None:
        """Begin to write; `on_settled` is called in the writer's thread and must be quick."""
        self.writer.on_settled = on_settled
        self.writer.start()

    def close(self, patience: float = 5.0) -> None:
        """Write what is left for at most `patience` seconds; what is not written then is lost."""
        self.writer.close(patience)

    def closed(self, call: Call, bill: Bill | None, position: Position | None = None) -> None:
        """Queue a call; where there is no room it is counted as lost.

        `position` is its link and its number among those of the link. The row and the mark are then one:
        whoever reads the mark knows which calls are in the ledger.
        """
        if not self._put((call, bill, position)) and position is not None:
            self._owed[position[0]] = position[1]

    def mark(self, link: str, count: int) -> None:
        """This link has closed `count` exchanges in all, and each that was a call was handed over."""
        self.writer.inbox.mark(link, count)

    def recall(self, link: str) -> None:
        """Ask for the mark that an observer before this one left for a link; `settled` will tell."""
        self.writer.inbox.recall(link)

    def settled(self, link: str) -> int | None:
        """The newest mark of a link whose calls are all committed or counted as lost, if one is known."""
        if self._owed and link in self._owed and not self.writer.inbox.waiting:
            self.mark(link, self._owed.pop(link))
        return self.writer.settled_marks.get(link)

    def take_fresh(self) -> list[Priced]:
        """Batch results that turned out to be new, for the sinks that must bill them once."""
        return self.writer.take_fresh()

    @property
    def lost(self) -> dict[str, int]:
        """Calls that are not in the ledger, by reason, since the start."""
        return self.writer.lost

    @property
    def waiting(self) -> int:
        """Calls that are not settled yet."""
        inbox = self.writer.inbox
        return inbox.accepted - inbox.settled


def _open(location: Location, given: Identity | None, known: Identity | None) -> Store:
    return open_store(location, known or given)
