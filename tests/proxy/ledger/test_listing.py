"""Single calls: in any order, filtered, followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tests.proxy.ledger.cases import priced, record, varied, writing
from tests.support.calls import STARTED

from tokentape.proxy.ledger.listing import each_call, following, listing, newest_id
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.selection import Selection
from tokentape.proxy.messages.call import Timings
from tokentape.proxy.pricing.bill import Bill, Status

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location
    from tokentape.proxy.ledger.rows import Recorded


def numbers(found: list[Recorded]) -> list[int]:
    """Which calls these are."""
    return [int(one.call.id.rpartition("-")[2]) for one in found]


def test_the_newest_come_first(location: Location) -> None:
    record(location, [priced(number) for number in (3, 1, 4, 2, 0)])
    assert numbers(listing(Reader(location), limit=3)) == [4, 3, 2]


def test_the_dearest_and_the_slowest_come_first_on_request(location: Location) -> None:
    calls = [
        (
            priced(number, timings=Timings(duration=9.0, first_token_any=ttft))[0],
            Bill(status=Status.EXACT if total is not None else Status.UNPRICED, total=total),
        )
        for number, (ttft, total) in enumerate(
            [(1.0, Decimal(5)), (2.0, Decimal(4)), (None, Decimal(3)), (4.0, None), (5.0, Decimal(-1))]
        )
    ]
    record(location, calls)
    reader = Reader(location)
    assert numbers(listing(reader, sort="cost")) == [0, 1, 2, 4]
    assert numbers(listing(reader, sort="ttft")) == [4, 3, 1, 0]


def test_only_the_selected_ones(location: Location) -> None:
    record(location, [varied(number) for number in range(40)])
    reader = Reader(location)
    begin = datetime.fromtimestamp(STARTED, UTC)
    of = Selection(
        since=begin + timedelta(seconds=4),
        until=begin + timedelta(seconds=30),
        where={"session": "one", "label:team": "team-1"},
    )
    wanted = [number for number in range(29, 3, -1) if number % 3 == 1 and number % 4 and number % 2]
    assert numbers(listing(reader, of=of)) == wanted
    assert sorted(one.id for one in each_call(reader, of)) == [number + 1 for number in sorted(wanted)]


def test_following_misses_none_and_repeats_none(location: Location) -> None:
    with writing(location) as sink:
        sink.closed(*priced(0))
    reader = Reader(location)
    after = newest_id(reader)
    assert following(reader, after) == []
    record(location, [priced(number) for number in range(1, 8)])
    seen: list[int] = []
    while found := following(reader, after, limit=3):
        seen += numbers(found)
        after = found[-1].id
    assert seen == list(range(1, 8))


def test_an_empty_ledger_has_no_newest(location: Location) -> None:
    record(location, [])
    assert newest_id(Reader(location)) == 0


@pytest.mark.parametrize("count", [0, 1, 2500])
def test_every_call_is_given_once_over_many_pages(location: Location, count: int) -> None:
    record(location, [priced(number) for number in range(count)])
    assert sorted(numbers(list(each_call(Reader(location))))) == list(range(count))
