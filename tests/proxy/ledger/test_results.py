"""A result of a batch is billed once ever, whoever fetches it, however often."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.proxy.ledger.cases import priced, record, total, until, writing

if TYPE_CHECKING:
    from tests.proxy.ledger.cases import Priced

    from tokentape.proxy.ledger.location import Location


def result(batch: str, custom: str, **changes: Any) -> Priced:
    return priced(0, id=f"{batch}/{custom}", batch_id=batch, custom_id=custom, **changes)


def ids(found: list[Any]) -> list[str]:
    return [call.id for call, _ in found]


def test_a_result_counts_once_however_it_comes_again(location: Location) -> None:
    """In one transaction, in a later one, and from another proxy; another batch's is another."""
    with writing(location) as sink:
        for _ in range(2):
            sink.closed(*result("one", "a"))
            sink.closed(*result("one", "b"))
        until("they are written", lambda: sink.waiting == 0)
        assert ids(sink.take_fresh()) == ["one/a", "one/b"]
        sink.closed(*result("one", "b"))
        sink.closed(*result("one", "c"))
        until("they are written", lambda: sink.waiting == 0)
        assert ids(sink.take_fresh()) == ["one/c"]
    assert (sink.writer.written, sink.writer.duplicates) == (3, 3)
    again = record(location, [result("one", "a"), result("two", "a"), priced(1)])
    assert ids(again.take_fresh()) == ["two/a"]
    assert (total(location).calls, total(location).usd) == (5, Decimal("0.0125"))


def test_the_call_that_fetches_the_results_is_a_call_each_time(location: Location) -> None:
    record(location, [priced(number, batch_id="one") for number in range(3)])
    assert total(location).calls == 3


def test_a_result_that_is_lost_is_new_for_all_that_anybody_knows() -> None:
    """So that counters have it, as they have any other call that the ledger lost."""
    from tokentape.proxy.ledger.location import locate
    from tokentape.proxy.ledger.sink import LedgerSink

    sink = LedgerSink(locate("/dev/null/ledger"))
    sink.start()
    sink.closed(*result("one", "a"))
    sink.closed(*priced(1))
    sink.close(0.01)
    assert ids(sink.take_fresh()) == ["one/a"]
    assert sink.lost["stopped"] == 2
