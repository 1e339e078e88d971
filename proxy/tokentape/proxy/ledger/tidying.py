"""Retention: old rows go in small slices, so that nobody waits long for the lock.

What goes, by age against the horizon (a UTC midnight): rows and rollups before it; keys of batch results
60 days before it at the least, because the API serves results for 29 days after a batch was made
(https://platform.claude.com/docs/en/build-with-claude/batch-processing) and fetching them again must not
bill them again; marks of links after a week.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.ledger import statements
from tokentape.proxy.ledger.schema import GRAINS

if TYPE_CHECKING:
    from tokentape.proxy.ledger.transaction import Hand

SLICE_ROWS: Final = 1000
"""Rows deleted in one transaction: some ten milliseconds."""

DAY: Final = 86_400 * 1_000_000
"""Microseconds."""
RESULT_DAYS: Final = 60
MARK_DAYS: Final = 7


def horizon(now: int, keep_days: int) -> int:
    """The UTC midnight, in microseconds, before which nothing is kept."""
    return (now // DAY - keep_days) * DAY


def take_turn(hand: Hand, before: int, *, now: int, interval: int) -> bool:
    """Move the horizon, unless some process did a short while ago."""
    read = f"SELECT CAST(value AS BIGINT) FROM meta WHERE name = {hand.placeholder}"  # noqa: S608 - only a placeholder is put in
    if now - (hand.number(read, ("tidied_at",)) or 0) < interval:
        return False
    before = max(before, hand.number(read, ("kept_from",)) or 0)
    for name, value in (("tidied_at", now), ("kept_from", before)):
        hand.execute(statements.set_meta(hand.placeholder), (name, str(value)))
    hand.execute(statements.forget_marks(hand.placeholder), (now - MARK_DAYS * DAY,))
    hand.execute(statements.forget_results(hand.placeholder), (min(before, now - RESULT_DAYS * DAY),))
    return True


def forget_slice(hand: Hand, before: int) -> bool:
    """Delete rows, and a day of one grain's rollups; whether there may be more."""
    gone = hand.execute(statements.forget_calls(hand.placeholder), (before, SLICE_ROWS))
    levels = ((wide, grain) for wide, grains in GRAINS.items() for grain in grains)
    return any(_forget_rollups(hand, level, before) for level in levels) or gone == SLICE_ROWS


def _forget_rollups(hand: Hand, level: tuple[int, int], before: int) -> bool:
    """Delete the oldest day of one kind and grain."""
    first = hand.number(statements.oldest_rollup(hand.placeholder), level)
    until = before // 1_000_000
    if first is None or first >= until:
        return False
    day_after = (first // 86_400 + 1) * 86_400
    hand.execute(statements.forget_rollups(hand.placeholder), (*level, first, min(day_after, until)))
    return True
