"""Who is told of a call, with which bill, and what a sink that fails changes: nothing but a count."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.proxy.pricing.paid_calls import book, paid
from tests.support.calls import make_call, make_open_call

from tokentape.proxy.observer.backlog import ROOM, SLICE
from tokentape.proxy.observer.dispatch import PRICING, Dispatch
from tokentape.proxy.pricing.batches import BatchResult
from tokentape.proxy.pricing.bill import Bill, Status
from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    import pytest

    from tokentape.proxy.messages.call import Call, OpenCall

CALL = paid("claude-opus-5", input=1000)
FETCH = make_call(id="relay-0-1:9", batch_id="msgbatch_1", model="none", usage=None)


class Told:
    """A CallSink that remembers."""

    name = "told"

    def __init__(self) -> None:
        self.opens: list[OpenCall] = []
        self.calls: list[tuple[Call, Bill | None]] = []

    def opened(self, call: OpenCall) -> None:
        self.opens.append(call)

    def closed(self, call: Call, bill: Bill | None) -> None:
        self.calls.append((call, bill))

    @property
    def custom_ids(self) -> list[str | None]:
        return [call.custom_id for call, _ in self.calls]


class Broken:
    """A CallSink that always fails."""

    name = "broken"

    def opened(self, call: OpenCall) -> None:
        raise OSError(call.id)

    def closed(self, call: Call, bill: Bill | None) -> None:
        del bill
        raise ValueError(call.id)


class Ledger:
    """Keeps calls, and says of the results of batches which it had not seen, once it is told to settle."""

    name = "ledger"

    def __init__(self) -> None:
        self.kept: list[tuple[str, tuple[str, int] | None]] = []
        self.marks: list[tuple[str, int]] = []
        self.waiting = 0
        self._seen: set[str] = set()
        self._pending: list[tuple[Call, Bill | None]] = []
        self._fresh: list[tuple[Call, Bill | None]] = []

    def closed(self, call: Call, bill: Bill | None, position: tuple[str, int] | None = None) -> None:
        self.kept.append((call.id, position))
        self.waiting += 1
        if call.custom_id is not None:
            self._pending.append((call, bill))

    def settle(self) -> None:
        for call, bill in self._pending:
            if call.custom_id not in self._seen:
                self._seen.add(str(call.custom_id))
                self._fresh.append((call, bill))
        self._pending.clear()
        self.waiting = 0

    def mark(self, link: str, count: int) -> None:
        self.marks.append((link, count))

    def recall(self, link: str) -> None:
        raise NotImplementedError(link)

    def settled(self, link: str) -> int | None:
        raise NotImplementedError(link)

    def take_fresh(self) -> list[tuple[Call, Bill | None]]:
        fresh, self._fresh = self._fresh, []
        return fresh


def priced(call: Call) -> Bill:
    return price(call, book())


def results(*ids: str) -> list[BatchResult]:
    return [BatchResult(custom_id=name, type="succeeded", model="claude-opus-5") for name in ids]


def test_every_sink_is_told_of_a_call_with_its_bill() -> None:
    sinks = Told(), Told()
    ledger = Ledger()
    dispatch = Dispatch(sinks, price=priced, ledger=ledger)
    dispatch.closed(CALL, ("relay-0-1", 7))
    assert [sink.calls for sink in sinks] == [[(CALL, priced(CALL))]] * 2
    assert ledger.kept == [(CALL.id, ("relay-0-1", 7))]
    assert (dispatch.calls, dispatch.names) == (1, ["told", "told", "ledger", "pricing"])


def test_without_prices_there_are_no_bills() -> None:
    sink = Told()
    Dispatch([sink]).closed(CALL)
    assert sink.calls == [(CALL, None)]


def test_a_sink_that_fails_is_counted_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    sink = Told()
    dispatch = Dispatch([Broken(), sink], price=priced)
    opened = make_open_call(CALL)
    for _ in range(2):
        dispatch.opened(opened)
        dispatch.closed(CALL)
    assert (sink.opens, len(sink.calls), dispatch.errors) == ([opened] * 2, 2, {"broken": 4})
    assert len(caplog.records) == 1, "a broken sink fails at every call"


def test_a_call_that_cannot_be_priced_is_unpriced_and_never_lost() -> None:
    def failing(call: Call) -> Bill:
        raise LookupError(call.id)

    sink = Told()
    dispatch = Dispatch([sink], price=failing, ledger=Ledger())
    dispatch.closed(CALL)
    bill = Bill(status=Status.UNPRICED, total=None, reasons=("pricing_failed",))
    assert sink.calls == [(CALL, bill)]
    assert dispatch.errors == {PRICING: 1}


def test_results_of_a_batch_are_told_of_once_the_ledger_says_that_they_are_new() -> None:
    sink, ledger, done = Told(), Ledger(), list[str]()
    dispatch = Dispatch([sink], price=priced, ledger=ledger)
    for name in ("first", "again"):
        dispatch.fetched(FETCH, results("a", "b"), partial(done.append, name))
        dispatch.pump()
    assert sink.calls == []
    ledger.settle()
    dispatch.pump()
    assert (sink.custom_ids, done) == (["a", "b"], ["first", "again"])
    assert not dispatch.behind


def test_without_a_ledger_results_are_new_once() -> None:
    sink, done = Told(), list[int]()
    dispatch = Dispatch([sink], price=priced)
    for found in (results("a", "b"), results("b", "c")):
        dispatch.fetched(FETCH, found, lambda: done.append(1))
    assert (sink.custom_ids, done) == (["a", "b", "c"], [1, 1])


def test_many_results_go_over_as_the_ledger_makes_room_and_the_fetch_comes_behind_them() -> None:
    ledger, done = Ledger(), list[int]()
    dispatch = Dispatch(ledger=ledger)
    names = [f"r{number}" for number in range(2 * SLICE + 1)]
    dispatch.fetched(FETCH, results(*names), lambda: done.append(len(ledger.kept)))
    assert (len(ledger.kept), dispatch.behind) == (SLICE, True)
    ledger.waiting = ROOM
    dispatch.pump()
    assert len(ledger.kept) == SLICE, "there is no room"
    ledger.settle()
    for _ in range(2):
        dispatch.pump()
    assert (len(ledger.kept), dispatch.behind, done) == (2 * SLICE + 1, False, [2 * SLICE + 1])


def test_a_fetch_that_names_no_batch_has_no_results_to_tell_apart() -> None:
    sink, done = Told(), list[int]()
    nameless = make_call(batch_id=None)
    for ledger in (None, Ledger()):
        dispatch = Dispatch([sink], ledger=ledger)
        dispatch.fetched(nameless, results("a"), lambda: done.append(1))
        dispatch.pump()
    assert (sink.calls, done) == ([], [1, 1])


def test_an_exchange_that_was_no_call_is_marked() -> None:
    ledger = Ledger()
    Dispatch(ledger=ledger).nothing("relay-0-1", 3)
    Dispatch().nothing("relay-0-1", 3)
    assert ledger.marks == [("relay-0-1", 3)]
