"""The writer: a thread that puts calls into the ledger, whatever the disk does.

What holds, and is tested:

- Every accepted call ends as exactly one of: committed, left out as a batch result that was billed before,
  or counted in `lost` by reason:

  ``queue_full``  the database was away for so long that there was no room
  ``rejected``    the database works, but refuses this row (or it cannot be made into one)
  ``stopped``     still away when the ledger was closed

- A call's transaction begins within `GATHER_SECONDS`, or when the one before it has ended.
- A database that is locked, full, unreachable or deleted is tried again, ever more slowly, for ever.
- Nothing here is waited for by the observer, but for `close`.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import sys
import threading
from collections import deque
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Final

from tokentape.proxy.ledger.batch import RejectedError
from tokentape.proxy.ledger.errors import LedgerError
from tokentape.proxy.ledger.inbox import Inbox
from tokentape.proxy.ledger.pending import BATCH_ROWS, Pending, cleaned
from tokentape.proxy.ledger.retention import Retention
from tokentape.proxy.ledger.transaction import Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokentape.proxy.ledger.batch import Batch, Priced
    from tokentape.proxy.ledger.migrations import Identity
    from tokentape.proxy.ledger.store import Store

_log = logging.getLogger(__name__)

GATHER_SECONDS: Final = 0.05
QUEUE_CALLS: Final = 32_768
"""Calls that may wait for the database; about 2 KB each while it is away."""
_SWITCH_SECONDS: Final = 0.001
_FIRST_PAUSE: Final = 0.05
LAST_PAUSE: Final = 5.0
_QUIET_SECONDS: Final = 60.0
"""Between two complaints: a disk that is nearly full fails and works by turns."""

LOSS_REASONS: Final = ("queue_full", "rejected", "stopped")


class Writer:
    """Owns the store and the thread.

    Attributes:
        duplicates: batch results that were billed before.
        written: rows committed.
        problem: why nothing can be written now, in one sentence; `None` while all is well.
        settled_marks: by link, the newest count whose calls are all settled.
        on_settled: called in the writer's thread whenever something was settled; must be quick.
    """

    def __init__(
        self,
        opening: Callable[[Identity | None], Store],
        *,
        retention: Retention | None = None,
        limit: int = QUEUE_CALLS,
        gather: float = GATHER_SECONDS,
        now: Callable[[], int] = lambda: time_ns() // 1000,
    ) -> None:
        """Prepare a writer; nothing happens before `start`.

        Args:
            opening: opens the store; called in the writer's thread, again after each failure, with the
                identity to give to a ledger that has to be made anew.
            retention: what may be forgotten.
            limit: calls that may wait.
            gather: seconds between two transactions, under load.
            now: microseconds since the epoch.
        """
        self.inbox = Inbox(limit, gather)
        self.name = f"writer:{secrets.token_hex(6)}"
        self.duplicates = 0
        self.written = 0
        self.problem: str | None = None
        self.settled_marks: dict[str, int] = {}
        self.on_settled: Callable[[], None] = lambda: None
        self._fresh: deque[Priced] = deque()
        self._opening = opening
        self._retention = retention or Retention()
        self._now = now
        self._store: Store | None = None
        self._identity: Identity | None = None
        self._pending = Pending()
        self._tokens = itertools.count(1)
        self._losses: dict[str, Loss] = {}
        self._unsaid: set[str] = set()
        self._pause = _FIRST_PAUSE
        self._said = False
        self._say_at = 0.0
        self._retry_at = 0.0
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="tokentape-ledger", daemon=True)

    @property
    def lost(self) -> dict[str, int]:
        """Calls that are not in the ledger, by reason. Any thread."""
        counted = {reason: loss.rows for reason, loss in self._losses.copy().items()}
        return dict.fromkeys(LOSS_REASONS, 0) | counted | {"queue_full": self.inbox.refused}

    def start(self) -> None:
        """Begin to write.

        A thread that lets go of the interpreter for a moment waits up to the switch interval to get it
        back from a busy one. With the default of 5 ms this one would fall behind an observer at its limit.
        """
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))
        self._thread.start()

    def close(self, patience: float) -> None:
        """Write what is left for at most `patience` seconds, count the rest as lost, and end."""
        self._give_up_at = monotonic() + patience
        self.inbox.close()
        if self._thread.ident is not None:
            self._thread.join()

    def take_fresh(self) -> list[Priced]:
        """Batch results that were found to be new, or were lost, since the last time. Any one thread."""
        fresh = self._fresh
        return [fresh.popleft() for _ in range(len(fresh))]

    # Everything below runs in the writer's thread.

    def _run(self) -> None:
        while True:
            self._await_work()
            self._take()
            self._write()
            if self.inbox.closing and self._finished():
                break
        self._abandon()

    def _finished(self) -> bool:
        if monotonic() >= self._give_up_at:
            return True
        return not self._pending and not self.inbox.waiting

    def _await_work(self) -> None:
        """Until there is something to write, or to tidy, or to try again."""
        if not self._pending:
            self.inbox.wait(self._retention.patience())
            return
        now = monotonic()
        soon = self._retry_at if not self.inbox.closing else min(self._retry_at, now + _FIRST_PAUSE)
        if (left := min(soon, self._give_up_at) - now) > 0:
            self.inbox.pause(left)

    def _take(self) -> None:
        taken = self.inbox.take(BATCH_ROWS)
        if any(taken):
            for priced in self._pending.add(taken):
                self._lose("rejected", [priced])
        refused = self.inbox.refused - self._loss("queue_full").rows
        if refused:
            self._count_loss("queue_full", refused)

    def _write(self) -> None:
        """Commit what is pending; on failure, leave it pending and say when to try again."""
        if monotonic() < self._retry_at and not self.inbox.closing:
            return
        try:
            store = self._open()
            while self._pending:
                self._commit(store)
            self._retention.step(store, self._now())
        except LedgerError as failure:
            self._failed(str(failure))
        except Exception as failure:  # noqa: BLE001 - see below
            # The thread must go on: what nobody thought of is tried again later, and said.
            _log.exception("The ledger's writer failed.")
            self._failed(f"The ledger's writer failed ({type(failure).__name__}).")
        else:
            self._recovered()

    def _open(self) -> Store:
        if self._store is not None and self._store.gone():
            _log.warning("The ledger was moved or deleted while in use; a new one is made in its place.")
            self._drop_store()
        if self._store is None:
            self._store = self._opening(self._identity)
            self._identity = self._store.identity
        return self._store

    def _commit(self, store: Store) -> None:
        batch = self._pending.first
        batch.token = batch.token or next(self._tokens)
        losses = {reason: self._losses[reason] for reason in self._unsaid}
        try:
            store.write(batch, writer=self.name, losses=losses, now=self._now())
        except LedgerError:
            raise
        except Exception as failure:  # noqa: BLE001 - see below
            if not isinstance(failure, RejectedError):
                _log.exception("The ledger could not take some rows.")
            self._rejected(batch)
            return
        self._unsaid.clear()
        self._pending.done()
        self.written += len(batch.rows)
        known = [priced for key, priced in batch.results.items() if key in batch.fresh]
        dropped = batch.billed_before
        self.duplicates += dropped
        self.written -= dropped
        self._fresh.extend(known)
        self._settle(len(batch.rows), batch.recalled | batch.settled_marks())

    def _rejected(self, batch: Batch) -> None:
        """Close in on the row that is refused; try it without NUL characters; then give it up."""
        if len(batch.rows) > 1:
            self._pending.split()
            return
        row = cleaned(batch.rows[0]) if batch.rows else ()
        if batch.rows and row != batch.rows[0]:
            batch.rows[0] = row
            return
        self._pending.done()
        self._lose(
            "rejected", list(batch.results.values()), rows=len(batch.rows), marks=batch.settled_marks()
        )

    def _failed(self, problem: str) -> None:
        if not self._said and monotonic() >= self._say_at:
            _log.warning("%s Calls wait, and are counted as lost where there is no room.", problem)
            self._said, self._say_at = True, monotonic() + _QUIET_SECONDS
        self.problem = problem
        self._drop_store()
        self._retry_at = monotonic() + self._pause
        self._pause = min(self._pause * 2, LAST_PAUSE)

    def _recovered(self) -> None:
        if self._said:
            _log.warning("The ledger can be written again.")
        self._said = False
        self.problem = None
        self._pause = _FIRST_PAUSE
        self._retry_at = 0.0

    def _drop_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _abandon(self) -> None:
        """Count what could not be written, and let go of the database."""
        while self.inbox.waiting:
            self._take()
        while self._pending:
            batch = self._pending.done()
            self._lose(
                "stopped", list(batch.results.values()), rows=len(batch.rows), marks=batch.settled_marks()
            )
        if lost := sum(self.lost.values()):
            # No scrape comes after this, and a ledger that is away cannot be told either.
            _log.warning("%s missing from the ledger.", "1 call is" if lost == 1 else f"{lost:,} calls are")
        self._drop_store()

    # Counting.

    def _settle(self, calls: int, marks: Mapping[str, int]) -> None:
        self.inbox.settled += calls
        for link, count in marks.items():
            self.settled_marks[link] = max(count, self.settled_marks.get(link, 0))
        self.on_settled()

    def _lose(
        self,
        reason: str,
        results: list[Priced],
        *,
        rows: int = 1,
        marks: Mapping[str, int] | None = None,
    ) -> None:
        """Count rows as lost; a batch's result among them is new for all that anybody knows."""
        if rows:
            self._count_loss(reason, rows)
        self._fresh.extend(priced for priced in results if priced[0].custom_id is not None)
        self._settle(rows, marks or {})

    def _count_loss(self, reason: str, rows: int) -> None:
        loss = self._loss(reason)
        loss.rows += rows
        loss.last_at = self._now()
        self._unsaid.add(reason)

    def _loss(self, reason: str) -> Loss:
        if reason not in self._losses:
            self._losses[reason] = Loss(self._now())
        return self._losses[reason]
