"""What can be wrong with a disk: full, missing, not writable, broken, taken away."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from tests.proxy.ledger.cases import priced, rows_in, total, until, writing
from tests.proxy.ledger.test_kill import assert_whole, lines, start

from tokentape.proxy.ledger.errors import UnavailableError
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

    from tokentape.proxy.ledger.location import Location


def path_of(location: Location) -> Path:
    assert location.path is not None
    return location.path


def test_a_full_disk_is_waited_for_and_nothing_is_torn(sqlite: Location) -> None:
    """A limit on the size of files is what a full disk is to a process."""
    child = start(sqlite, "full")
    said = [line.strip() for line in lines(child)]
    child.communicate()
    assert said[0].startswith(f"The ledger {sqlite} cannot be used now (")
    assert said[1] == "more than room: True"
    assert said[2] == "lost: 0, written: 5000"
    assert rows_in(path_of(sqlite)) == 5000
    assert_whole(sqlite)


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    place = locate(str(tmp_path / "a" / "b" / "l.db"))
    with writing(place) as sink:
        sink.closed(*priced(0))
    assert total(place).calls == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that nobody can write to, /sys")
def test_a_place_that_cannot_be_written_is_said_and_its_calls_are_counted() -> None:
    place = locate("/sys/tokentape/ledger.sqlite3")
    with pytest.raises(
        UnavailableError, match=r"The ledger /sys/tokentape/ledger\.sqlite3 cannot be used now"
    ):
        open_store(place)
    from tokentape.proxy.ledger.sink import LedgerSink

    sink = LedgerSink(place, limit=2)
    sink.start()
    for number in range(3):
        sink.closed(*priced(number))
    sink.close(0.01)
    assert sink.lost == {"queue_full": 1, "rejected": 0, "stopped": 2}


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are no rows. " * 100)
    with pytest.raises(UnavailableError, match="file is not a database"):
        open_store(locate(str(file)))
    with pytest.raises(UnavailableError, match="file is not a database"):
        Reader(locate(str(file)))
    assert file.read_text() == "These are no rows. " * 100


def test_a_folder_that_is_taken_away_is_made_anew_as_the_same_ledger(sqlite: Location) -> None:
    with writing(sqlite) as sink:
        sink.closed(*priced(0))
        until("the first is written", lambda: sink.waiting == 0)
        before = Reader(sqlite).identity
        shutil.rmtree(path_of(sqlite).parent)
        sink.closed(*priced(1))
        until("the second is written", lambda: sink.waiting == 0)
    assert Reader(sqlite).identity == before
    assert total(sqlite).calls == 1
    assert_whole(sqlite)


def test_a_server_that_dies_is_waited_for(postgres: Postgres) -> None:
    """And what was being committed when it died is there once."""
    place = postgres.new()
    with writing(place) as sink:
        sink.closed(*priced(0))
        until("the first is written", lambda: sink.waiting == 0)
        postgres.stop()
        try:
            for number in range(1, 11):
                sink.closed(*priced(number))
            until("it is noticed", lambda: sink.writer.problem is not None)
            assert str(sink.writer.problem).startswith(f"The ledger {place} cannot be used now (")
            with pytest.raises(UnavailableError):
                Reader(place)
        finally:
            postgres.start()
        until("everything is written", lambda: sink.waiting == 0)
    assert total(place).calls == 11
    assert set(sink.lost.values()) == {0}
