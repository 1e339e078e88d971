"""Rows that wait for the database, as batches in order. Owned by the writer's thread."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from tokentape.proxy.ledger.batch import Batch
from tokentape.proxy.ledger.rows import row_of
from tokentape.proxy.ledger.schema import WRITTEN

if TYPE_CHECKING:
    from tokentape.proxy.ledger.batch import Priced
    from tokentape.proxy.ledger.inbox import Taken
    from tokentape.proxy.ledger.rows import Row

BATCH_ROWS: Final = 2048
"""Rows of one transaction: some 30 ms of holding the lock."""

_BATCH: Final = WRITTEN.index("batch_id")
_CUSTOM: Final = WRITTEN.index("custom_id")


class Pending:
    """Batches that are not yet committed, oldest first."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()

    def __bool__(self) -> bool:
        return bool(self._batches)

    @property
    def first(self) -> Batch:
        """The batch that is next."""
        return self._batches[0]

    def done(self) -> Batch:
        """Take the first one out."""
        return self._batches.popleft()

    def add(self, taken: Taken) -> list[Priced]:
        """Put what was taken behind what is here; the calls that cannot be rows."""
        unwritable: list[Priced] = []
        batch = self._open()
        for call, bill, position in taken.calls:
            try:
                row = row_of(call, bill)
            except (TypeError, ValueError, OverflowError, ArithmeticError, AttributeError):
                # Whatever a reply made of a field: one call that cannot be written, and no other.
                unwritable.append((call, bill))
                continue
            if len(batch.rows) == BATCH_ROWS:
                batch = self._open()
            batch.rows.append(row)
            batch.positions.append(position)
            if call.custom_id is not None and call.batch_id is not None:
                batch.results.setdefault((call.batch_id, call.custom_id), (call, bill))
        batch.marks |= taken.marks
        batch.recalled |= dict.fromkeys(taken.recalls, 0)
        return unwritable

    def _open(self) -> Batch:
        """A batch at the end that was not tried yet and has room."""
        if not self._batches or self._batches[-1].token or len(self._batches[-1].rows) >= BATCH_ROWS:
            self._batches.append(Batch([]))
        return self._batches[-1]

    def split(self) -> None:
        """Halve the first batch, so that a row that is refused takes fewer others with it."""
        batch = self.done()
        middle = len(batch.rows) // 2
        front, back = _part(batch, slice(middle)), _part(batch, slice(middle, None))
        back.marks, back.recalled = batch.marks, batch.recalled
        self._batches.extendleft((back, front))


def _part(batch: Batch, which: slice) -> Batch:
    rows = batch.rows[which]
    keys = {(row[_BATCH], row[_CUSTOM]) for row in rows}
    results = {key: priced for key, priced in batch.results.items() if key in keys}
    return Batch(rows, batch.positions[which], results)


def cleaned(row: Row) -> Row:
    """The row without NUL characters, which JSON allows and PostgreSQL does not."""
    return tuple(value.replace("\0", "") if isinstance(value, str) else value for value in row)
