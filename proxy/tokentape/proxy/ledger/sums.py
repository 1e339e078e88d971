"""The sums of a report: from rollups or from rows, exact in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, and_, case, func

from tokentape.proxy.ledger.schema import SUMS, calls, rollups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import FromClause

PART: Final = 1_000_000
"""Money is summed as millions and remainder: an SQLite integer would overflow at 9.2 million USD."""

ENDS: Final = ("first_at", "last_at")


def _money(name: str) -> bool:
    return name.endswith("usd")


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _paid(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((calls.c.subscription == 0, column), else_=None)


_OF_A_ROW: Final[dict[str, ColumnElement[Any]]] = {
    "calls": _count(calls.c.id.is_not(None)),
    "errors": _count(calls.c.outcome != "ok"),
    "paid": _count(and_(calls.c.subscription == 0, calls.c.usd.is_not(None))),
    "estimated": _count(calls.c.bill_status == "estimated"),
    "unpriced": _count(calls.c.bill_status == "unpriced"),
    "subscription": calls.c.subscription,
    **{name: calls.c[name] for name in SUMS if name.endswith("_tokens") or name == "web_searches"},
    "usd": _paid(calls.c.usd),
    "subscription_usd": case((calls.c.subscription == 1, calls.c.usd), else_=None),
    "savings_usd": _paid(calls.c.savings_usd),
    "batch_savings_usd": _paid(calls.c.batch_savings_usd),
    "wasted_usd": _paid(calls.c.wasted_usd),
}
"""What one row adds, as `rollups.increments` has it in Python; a test holds the two together."""


def columns(names: Sequence[str], table: FromClause) -> list[ColumnElement[Any]]:
    """What to select for these sums, then the first and last use."""
    found: list[ColumnElement[Any]] = []
    for name in names:
        value: ColumnElement[Any] = rollups.c[name] if table is rollups else _OF_A_ROW[name]
        if _money(name):
            found += [func.sum(value // PART), func.sum(value % PART)]
        else:
            found.append(func.sum(value))
    first, last = (rollups.c[end] if table is rollups else calls.c.started_at for end in ENDS)
    return [*found, func.min(first), func.max(last)]


def read(names: Sequence[str], values: Iterable[Any]) -> list[int]:
    """The sums of one selected row, money whole again, then the first and last use."""
    found: list[int] = []
    left = iter(values)
    for name in names:
        value = int(next(left) or 0)
        found.append(value * PART + int(next(left) or 0) if _money(name) else value)
    return [*found, *(int(end or 0) for end in left)]


def add(to: list[int], more: list[int]) -> None:
    """Add sums to sums, first and last use included."""
    first, last = min(to[-2], more[-2]), max(to[-1], more[-1])
    for index, value in enumerate(more[:-2]):
        to[index] += value
    to[-2:] = first, last
