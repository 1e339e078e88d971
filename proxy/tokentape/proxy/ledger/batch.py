"""What goes to the database in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokentape.proxy.ledger.rows import Row
    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill

    Priced = tuple[Call, Bill | None]
    Position = tuple[str, int]


class RejectedError(Exception):
    """The database works, but will not take these rows as they are."""


class Batch:
    """Rows in the order in which their calls ended, and what becomes true once they are committed.

    Attributes:
        rows: as `rows.row_of` makes them.
        positions: for each row, its link and which of that link's calls it is, where that is known.
        results: calls that are a batch's results, with the (batch id, custom id) of each.
        marks: how many calls of each link are settled with this batch, beside those of `positions`.
        recalled: marks to be read, and then their values.
        token: numbers the transactions of one writer; 0 until it is first tried.
        fresh: those of `results` that the ledger had not seen; known once written.
        billed_before: rows that were left out because they are results seen before; known once written.
    """

    __slots__ = ("billed_before", "fresh", "marks", "positions", "recalled", "results", "rows", "token")

    def __init__(
        self,
        rows: list[Row],
        positions: list[Position | None] | None = None,
        results: dict[tuple[str, str], Priced] | None = None,
    ) -> None:
        self.rows = rows
        self.positions: list[Position | None] = positions or []
        self.results = results or {}
        self.marks: dict[str, int] = {}
        self.recalled: dict[str, int] = {}
        self.token = 0
        self.fresh: set[tuple[str, str]] = set()
        self.billed_before = 0

    def settled_marks(self) -> dict[str, int]:
        """What is settled once this is committed: the last position of each link, or its mark."""
        return dict(position for position in self.positions if position) | self.marks
