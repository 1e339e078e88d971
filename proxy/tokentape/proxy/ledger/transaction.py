"""One batch in one transaction, in terms that both databases share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from tokentape.proxy.ledger import statements
from tokentape.proxy.ledger.rollups import increments
from tokentape.proxy.ledger.schema import WRITTEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentape.proxy.ledger.batch import Batch
    from tokentape.proxy.ledger.rows import Row

_BATCH: Final = WRITTEN.index("batch_id")
_CUSTOM: Final = WRITTEN.index("custom_id")


class Loss:
    """Rows that one writer lost for one reason."""

    __slots__ = ("first_at", "last_at", "rows")

    def __init__(self, at: int) -> None:
        self.rows = 0
        self.first_at = self.last_at = at


class Hand(Protocol):
    """What a database does for a transaction."""

    placeholder: str

    def execute(self, sql: str, values: Sequence[Any]) -> int:
        """Run a statement; how many rows it changed."""
        ...

    def number(self, sql: str, values: Sequence[Any]) -> int | None:
        """The one number that a query finds."""
        ...

    def insert_calls(self, rows: Sequence[Row]) -> None:
        """Add rows to `calls`."""
        ...

    def add_rollups(self, increments: Sequence[Row]) -> None:
        """Add to `rollups`."""
        ...


def fill(hand: Hand, batch: Batch, *, writer: str, losses: Mapping[str, Loss], now: int) -> None:
    """Everything between BEGIN and COMMIT.

    A batch that is tried again may have been committed after all, when only the answer was lost. The
    writer's own mark, which is in the same transaction, knows.
    """
    mark = statements.get_mark(hand.placeholder)
    for link in batch.recalled:
        batch.recalled[link] = hand.number(mark, (link,)) or 0
    if (hand.number(mark, (writer,)) or 0) >= batch.token:
        return
    rows = _unseen(hand, batch, now)
    if rows:
        hand.insert_calls(rows)
        hand.add_rollups(increments(rows))
    mark = statements.set_mark(hand.placeholder)
    for name, settled in (*batch.settled_marks().items(), (writer, batch.token)):
        hand.execute(mark, (name, settled, now))
    for reason, loss in losses.items():
        found = (writer, reason, loss.rows, loss.first_at, loss.last_at)
        hand.execute(statements.set_loss(hand.placeholder), found)


def _unseen(hand: Hand, batch: Batch, now: int) -> list[Row]:
    """The rows less results that were billed before: once ever, whoever fetched them."""
    if not batch.results:
        return batch.rows
    batch.fresh.clear()
    see = statements.see_result(hand.placeholder)
    rows: list[Row] = []
    for row in batch.rows:
        if row[_CUSTOM] is not None and row[_BATCH] is not None:
            if not hand.execute(see, (row[_BATCH], row[_CUSTOM], now)):
                continue
            batch.fresh.add((row[_BATCH], row[_CUSTOM]))
        rows.append(row)
    batch.billed_before = len(batch.rows) - len(rows)
    return rows
