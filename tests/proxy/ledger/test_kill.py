"""kill -9 of a real writer at random moments leaves a ledger that is whole, and that knows what it holds."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pytest
from sqlalchemy import select
from tests.proxy.ledger.cases import rows_in, writing

from tokentape.proxy.ledger.queries import report
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.rollups import increments
from tokentape.proxy.ledger.schema import WRITTEN, calls, marks, rollups

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location

ROOT = Path(__file__).parents[3]


def start(location: Location, *work: str) -> subprocess.Popen[str]:
    """A child of its own, whose output can be read."""
    command = [sys.executable, "-m", "tests.proxy.ledger.child", str(location.path), *work]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def lines(child: subprocess.Popen[str]) -> IO[str]:
    return cast("IO[str]", child.stdout)


def end(child: subprocess.Popen[str], number: int = signal.SIGTERM) -> list[str]:
    """Stop a child; what it had said that was not read yet, whole lines only."""
    child.send_signal(number)
    said = lines(child).read()
    child.communicate()
    return [line for line in said.splitlines(keepends=True) if line.endswith("\n")]


def assert_whole(location: Location) -> None:
    """SQLite finds nothing wrong, and rollups are those of the rows."""
    with sqlite3.connect(str(location.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with Reader(location).snapshot() as snapshot:
        rows = [tuple(row) for row in snapshot.execute(select(*(calls.c[name] for name in WRITTEN)))]
        assert sorted(map(tuple, snapshot.execute(select(rollups)))) == increments(rows)


def kept_marks(location: Location) -> dict[str, int]:
    with Reader(location).snapshot() as snapshot:
        return {row.name: row.settled for row in snapshot.execute(select(marks))}


@pytest.mark.parametrize("_round", range(4))
def test_what_was_settled_is_there_and_the_mark_says_what_else_is(sqlite: Location, _round: int) -> None:
    child = start(sqlite, "write")
    stop_after = random.uniform(0.1, 0.9)
    last = lines(child).readline()
    for _ in range(int(stop_after * 300)):
        last = lines(child).readline()
    last = [last, *end(child, signal.SIGKILL)][-1]
    link, handed, settled = last.split()
    with writing(sqlite) as sink:
        sink.recall(link)
    known = sink.settled(link) or 0
    assert known == rows_in(Path(str(sqlite.path)))
    assert int(settled) <= known
    # Another line may have been on its way when the process ended.
    assert known <= int(handed) + 40
    assert_whole(sqlite)


def test_a_link_that_nobody_knows_has_nothing_settled(location: Location) -> None:
    with writing(location) as sink:
        assert sink.settled("relay-1") is None
        sink.recall("relay-1")
    assert sink.settled("relay-1") == 0


def test_two_processes_share_a_file_and_neither_loses_a_call(sqlite: Location) -> None:
    children = [start(sqlite, "fill", "3000") for _ in range(2)]
    said = [child.communicate()[0] for child in children]
    none = {"queue_full": 0, "rejected": 0, "stopped": 0}
    assert said == [f"3000 {none}\n"] * 2
    assert report(Reader(sqlite)).total.calls == rows_in(Path(str(sqlite.path))) == 6000
    assert_whole(sqlite)


def test_a_writer_waits_for_a_lock_that_another_process_holds(sqlite: Location) -> None:
    """And says so, and recovers by itself."""
    from tests.proxy.ledger.cases import priced, record, until

    record(sqlite, [priced(0)])
    locker = start(sqlite, "lock")
    assert lines(locker).readline() == "locked\n"
    with writing(sqlite) as sink:
        for number in range(1, 101):
            sink.closed(*priced(number))
        until("the lock is noticed", lambda: sink.writer.problem is not None)
        assert "locked" in str(sink.writer.problem)
        assert (sink.waiting, sink.writer.written) == (100, 0)
        locker.communicate()
        until("everything is written", lambda: sink.waiting == 0)
        until("the problem is over", lambda: sink.writer.problem is None)
    assert rows_in(Path(str(sqlite.path))) == 101
    assert set(sink.lost.values()) == {0}


def test_marks_are_kept_by_link(sqlite: Location) -> None:
    from tests.proxy.ledger.cases import priced

    with writing(sqlite) as sink:
        for number in range(1, 6):
            sink.closed(*priced(number), ("a" if number % 2 else "b", number))
        sink.mark("a", 9)
    assert (sink.settled("a"), sink.settled("b")) == (9, 4)
    assert kept_marks(sqlite) == {"a": 9, "b": 4, sink.writer.name: 1}
