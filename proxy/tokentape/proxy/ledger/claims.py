"""Claims: something that is done once ever, whichever of the proxies on a ledger comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from tokentape.proxy.ledger.engines import make_engine
from tokentape.proxy.ledger.errors import UnavailableError
from tokentape.proxy.ledger.schema import marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Insert

    from tokentape.proxy.ledger.location import Location

_KEPT: Final = 40 * 86_400 * 1_000_000
"""Microseconds beyond the week that marks are kept: a month's budget is claimed once in that month."""


def claim(location: Location, names: Sequence[str], now: int) -> bool:
    """Claim all names; whether the first of them had not been claimed before.

    Args:
        location: of a ledger that is there.
        names: at least one.
        now: microseconds since the epoch.

    Raises:
        UnavailableError: the ledger cannot be written now; nothing was claimed.
    """
    engine = make_engine(location, isolation="READ COMMITTED").execution_options(writes=True)
    rows = [{"name": name, "settled": 1, "marked_at": now + _KEPT} for name in names]
    insert: Any = postgresql.insert if location.postgres else sqlite.insert
    try:
        with engine.begin() as connection:
            fresh = [connection.execute(_once(insert, row)).first() for row in rows]
    except DBAPIError as failure:
        raise UnavailableError(f"The ledger {location} cannot be written now.") from failure
    return fresh[0] is not None


def _once(insert: Any, row: dict[str, Any]) -> Insert:
    """An insert that returns something where nothing was there: not every driver counts rows here."""
    statement: Insert = insert(marks).values(row).on_conflict_do_nothing(index_elements=["name"])
    return statement.returning(marks.c.name)
