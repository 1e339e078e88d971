"""The writer disturbs nobody, whatever the database does, and counts what it cannot keep."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.proxy.ledger.cases import priced, until

from tokentape.proxy.ledger.batch import RejectedError
from tokentape.proxy.ledger.errors import NewerLedgerError, UnavailableError
from tokentape.proxy.ledger.migrations import Identity
from tokentape.proxy.ledger.retention import Retention
from tokentape.proxy.ledger.schema import WRITTEN
from tokentape.proxy.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tokentape.proxy.ledger.batch import Batch
    from tokentape.proxy.ledger.transaction import Loss

IDENTITY = Identity("abcd", b"salt")
NONE_LOST = {"queue_full": 0, "rejected": 0, "stopped": 0}


class FakeStore:
    """A database made of a list, which does what it is told."""

    def __init__(self) -> None:
        self.identity = IDENTITY
        self.committed: list[str] = []
        self.refuses: Callable[[list[str]], Exception | None] = lambda _ids: None
        self.said_lost: dict[str, int] = {}
        self.opened_with: list[Identity | None] = []
        self.vanished = False
        self.closed = 0
        self.may_write = threading.Event()
        self.may_write.set()

    def open(self, identity: Identity | None) -> FakeStore:
        self.opened_with.append(identity)
        self.vanished = False
        return self

    def write(self, batch: Batch, *, writer: str, losses: Mapping[str, Loss], now: int) -> None:
        del writer, now
        self.may_write.wait()
        ids = [row[WRITTEN.index("call_id")] for row in batch.rows]
        if failure := self.refuses(ids):
            raise failure
        self.committed += ids
        self.said_lost |= {reason: loss.rows for reason, loss in losses.items()}

    def gone(self) -> bool:
        return self.vanished

    def begin_tidying(self, before: int, *, now: int, interval: int) -> bool:
        del before, now, interval
        return False

    def tidy(self, before: int) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        self.closed += 1


def writer_for(store: FakeStore, **options: Any) -> Writer:
    fields: dict[str, Any] = {"gather": 0.001, "retention": Retention(0), **options}
    return Writer(store.open, **fields)


def put(writer: Writer, *numbers: int) -> list[bool]:
    return [writer.inbox.put((*priced(number), None)) for number in numbers]


def ids(*numbers: int) -> list[str]:
    return [f"relay-0-1-{number}" for number in numbers]


def test_calls_are_written_in_order() -> None:
    store = FakeStore()
    writer = writer_for(store)
    writer.start()
    put(writer, *range(3000))
    writer.close(20)
    assert store.committed == ids(*range(3000))
    assert (writer.written, writer.lost, writer.problem) == (3000, NONE_LOST, None)
    assert store.closed == 1


def test_an_accepted_call_is_settled_only_once_it_is_committed() -> None:
    store = FakeStore()
    store.may_write.clear()
    writer = writer_for(store)
    rung = threading.Event()
    writer.on_settled = rung.set
    writer.start()
    put(writer, 1)
    assert (writer.inbox.accepted, writer.inbox.settled, rung.is_set()) == (1, 0, False)
    store.may_write.set()
    assert rung.wait(20)
    assert writer.inbox.settled == 1
    writer.close(20)


def test_without_room_a_call_is_refused_and_counted_at_once() -> None:
    """And the count is said to the database, when it is back."""
    store = FakeStore()
    store.may_write.clear()
    writer = writer_for(store, limit=3)
    writer.start()
    assert put(writer, 1, 2, 3, 4, 5) == [True, True, True, False, False]
    assert writer.lost == NONE_LOST | {"queue_full": 2}
    store.may_write.set()
    until("there is room", lambda: writer.inbox.settled == 3)
    assert put(writer, 6) == [True]
    writer.close(20)
    assert store.committed == ids(1, 2, 3, 6)
    assert store.said_lost == {"queue_full": 2}


def test_a_database_that_is_away_is_tried_until_it_is_back() -> None:
    store = FakeStore()
    failures = iter([UnavailableError("The ledger is full.")] * 3)
    store.refuses = lambda _ids: next(failures, None)
    writer = writer_for(store)
    writer.start()
    put(writer, 1, 2)
    until("it is written", lambda: writer.inbox.settled == 2)
    writer.close(20)
    assert store.committed == ids(1, 2)
    # Opened anew after each failure, as the same ledger.
    assert store.opened_with == [None, IDENTITY, IDENTITY, IDENTITY]
    assert writer.lost == NONE_LOST


def test_a_database_that_fails_and_works_by_turns_is_complained_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = FakeStore()
    writer = writer_for(store)
    writer.start()
    for number in range(5):
        failures: Iterator[Exception] = iter([UnavailableError("It is full.")])
        store.refuses = partial(_next_of, failures)
        put(writer, number)
        until("it is written", partial(_has_written, writer, number + 1))
    writer.close(20)
    assert [record.getMessage() for record in caplog.records] == [
        "It is full. Calls wait, and are counted as lost where there is no room.",
        "The ledger can be written again.",
    ]


def _next_of(failures: Iterator[Exception], _ids: list[str]) -> Exception | None:
    return next(failures, None)


def _has_written(writer: Writer, rows: int) -> bool:
    return writer.written == rows


def test_a_ledger_of_a_later_version_loses_calls_and_nothing_else() -> None:
    store = FakeStore()

    def refuse(_identity: Identity | None) -> FakeStore:
        raise NewerLedgerError("Update tokentape.")

    writer = Writer(refuse, limit=2)
    writer.start()
    put(writer, 1, 2, 3)
    until("it is noticed", lambda: writer.problem is not None)
    assert writer.problem == "Update tokentape."
    writer.close(0.1)
    assert writer.lost == {"queue_full": 1, "rejected": 0, "stopped": 2}
    assert store.committed == []


@pytest.mark.parametrize("failure", [RejectedError("no"), ZeroDivisionError("a bug")], ids=repr)
def test_a_row_that_is_refused_takes_no_other_with_it(failure: Exception) -> None:
    """A bug in the store is taken for that, too: one row may be lost, the writer never stops."""
    store = FakeStore()
    bad = set(ids(5, 700))
    store.refuses = lambda found: failure if bad & set(found) else None
    writer = writer_for(store)
    writer.start()
    put(writer, *range(1000))
    writer.close(20)
    assert store.committed == ids(*(number for number in range(1000) if number not in {5, 700}))
    assert writer.lost == NONE_LOST | {"rejected": 2}
    assert writer.inbox.settled == 1000


def test_a_call_that_cannot_be_a_row_takes_no_other_with_it() -> None:
    store = FakeStore()
    writer = writer_for(store)
    put(writer, 1)
    broken, bill = priced(2)
    broken.started_at = float("nan")
    writer.inbox.put((broken, bill, None))
    put(writer, 3)
    writer.start()
    writer.close(20)
    assert store.committed == ids(1, 3)
    assert writer.lost == NONE_LOST | {"rejected": 1}


def test_closing_waits_no_longer_than_it_may_and_says_what_is_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = FakeStore()
    store.refuses = lambda _ids: UnavailableError("Away.")
    writer = writer_for(store)
    writer.start()
    put(writer, 1, 2)
    until("it is noticed", lambda: writer.problem is not None)
    tries = len(store.opened_with)
    writer.close(0.3)
    assert writer.lost == NONE_LOST | {"stopped": 2}
    assert caplog.records[-1].getMessage() == "2 calls are missing from the ledger."
    assert len(store.opened_with) - tries < 20, "it tries again, and not in a hot loop"
    assert writer.inbox.settled == 2


def test_a_ledger_that_was_deleted_is_made_anew_as_the_same() -> None:
    store = FakeStore()
    writer = writer_for(store)
    writer.start()
    put(writer, 1)
    until("it is written", lambda: writer.inbox.settled == 1)
    store.vanished = True
    put(writer, 2)
    until("it is written", lambda: writer.inbox.settled == 2)
    writer.close(20)
    assert store.opened_with == [None, IDENTITY]


def test_a_writer_that_was_never_started_can_be_closed() -> None:
    writer_for(FakeStore()).close(1)
