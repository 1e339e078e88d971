"""The sink is what the observer's protocol asks for, and odd rows do it no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.proxy.ledger.cases import priced, record, total

from tokentape.proxy.ledger.listing import each_call
from tokentape.proxy.ledger.reader import Reader, lost

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location


@pytest.mark.parametrize(
    "changes",
    [
        {"session": "nul\0inside"},
        {"labels": {"a\0b": "c"}},
        {"project": "emoji 🎉 and \"quotes' %s ?"},
        {"labels": {"project": "x" * 100_000}},
        {"status": 2**40},
    ],
    ids=["nul", "nul in JSON", "quotes", "long", "large"],
)
def test_odd_values_are_kept(location: Location, changes: dict[str, Any]) -> None:
    """PostgreSQL has no NUL: there it is left out, as part of the value, not of the ledger."""
    sink = record(location, [priced(0), priced(1, **changes), priced(2)])
    assert set(sink.lost.values()) == {0}
    assert total(location).calls == 3
    kept = next(one.call for one in each_call(Reader(location)) if one.call.id == priced(1)[0].id)
    for name, value in changes.items():
        assert getattr(kept, name) == value or (location.postgres and "\0" in str(value))


@pytest.mark.parametrize(
    "changes",
    [{"status": 2**70}, {"session": "\ud800"}, {"project": None}],
    ids=["too large", "half a character", "missing"],
)
def test_what_no_database_holds_is_lost_alone_and_the_ledger_knows(
    location: Location, changes: dict[str, Any]
) -> None:
    sink = record(location, [priced(0), priced(1, **changes), priced(2)])
    assert sink.lost == {"queue_full": 0, "rejected": 1, "stopped": 0}
    assert total(location).calls == 2
    with Reader(location).snapshot() as connection:
        assert lost(connection) == {"rejected": 1}
