"""Rollups are the rows' own sums, whatever the order and the grouping."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tests.proxy.ledger.cases import priced, record, varied

from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.rollups import KEY, ROLLUP, increments
from tokentape.proxy.ledger.rows import row_of
from tokentape.proxy.ledger.schema import GRAINS, SUMS, calls, rollups

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location


def test_one_row_is_in_one_rollup_of_each_level() -> None:
    """The first of these seconds is 2026-09-21 14:13:20 UTC."""
    found = increments([row_of(*priced(0)), row_of(*priced(1))])
    assert [dict(zip(ROLLUP, one, strict=True)) for one in found] == [
        {
            "wide": wide,
            "grain": grain,
            "starts": starts,
            "model": "claude-sonnet-4-5",
            "project": "default",
            "endpoint": "/v1/messages" if wide else "",
            "status": 200 if wide else 0,
            "stop_reason": "end_turn" if wide else "",
            "client": "",
            "credential": "",
            **dict.fromkeys(SUMS, 0),
            "calls": 2,
            "paid": 2,
            "input_tokens": 200,
            "output_tokens": 40,
            "usd": 5_000_000_000,
            "savings_usd": 2_000_000,
            "first_at": 1_790_000_000_000_000,
            "last_at": 1_790_000_001_000_000,
        }
        for wide, grain, starts in (
            (0, 900, 1789999200),
            (0, 3600, 1789999200),
            (0, 86400, 1789948800),
            (1, 3600, 1789999200),
            (1, 86400, 1789948800),
        )
    ]


def test_keys_are_unique_and_in_order() -> None:
    found = increments([row_of(*varied(number, 100.0)) for number in range(200)])
    keys = [one[: len(KEY)] for one in found]
    assert keys == sorted(set(keys))


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(0, 30))
def test_it_does_not_matter_how_rows_are_cut_into_batches(numbers: list[int], cut: int) -> None:
    rows = [row_of(*varied(number, 700.0)) for number in numbers]
    apart: Counter[tuple[object, ...]] = Counter()
    for one in increments(rows[:cut]) + increments(rows[cut:]):
        for name, value in zip(SUMS, one[len(KEY) : -2], strict=True):
            apart[*one[: len(KEY)], name] += value
    together = {
        (*one[: len(KEY)], name): value
        for one in increments(rows)
        for name, value in zip(SUMS, one[len(KEY) : -2], strict=True)
    }
    assert apart == Counter(together)


def test_the_ledgers_rollups_are_the_increments_of_all_its_rows(location: Location) -> None:
    """Through several transactions, in each database."""
    priced_calls = [varied(number, 300.0) for number in range(1200)]
    for start in range(0, 1200, 400):
        record(location, priced_calls[start : start + 400])
    with Reader(location).snapshot() as connection:
        kept = connection.execute(select(rollups)).all()
        assert len(connection.execute(select(calls.c.id)).all()) == 1200
    assert sorted(map(tuple, kept)) == increments([row_of(*one) for one in priced_calls])
    assert {(row.wide, row.grain) for row in kept} == {(w, g) for w, grains in GRAINS.items() for g in grains}
