"""Connections to an SQLite ledger: readers wait for nobody, and change nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tests.proxy.ledger.cases import priced, record, total

from tokentape.proxy.ledger.engines import make_engine

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location


def test_a_reader_does_not_wait_for_a_writer(sqlite: Location) -> None:
    """Whoever waited would wait for ever here."""
    record(sqlite, [priced(0)])
    with closing(sqlite3.connect(str(sqlite.path), isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert total(sqlite).calls == 1
        writer.execute("ROLLBACK")


def test_opening_and_asking_changes_no_byte(sqlite: Location) -> None:
    assert sqlite.path is not None
    record(sqlite, [priced(0)])
    before = sqlite.path.read_bytes()
    assert total(sqlite).calls == 1
    assert sqlite.path.read_bytes() == before


def test_a_new_file_gives_space_back_in_steps_and_has_a_write_ahead_log(sqlite: Location) -> None:
    record(sqlite, [priced(0)])
    with make_engine(sqlite).connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("auto_vacuum", "journal_mode")
        ]
    assert settings == [2, "wal"]
