"""What is claimed is claimed once ever, whoever comes first."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.proxy.ledger.cases import record

from tokentape.proxy.ledger.claims import claim
from tokentape.proxy.ledger.errors import UnavailableError

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location

NOW = 1_790_000_000_000_000


def test_the_first_of_the_names_decides(location: Location) -> None:
    record(location, [])
    assert claim(location, ["80", "50"], NOW)
    assert not claim(location, ["50"], NOW)
    assert not claim(location, ["80", "50"], NOW)
    assert claim(location, ["100", "80", "50"], NOW)


def test_of_many_at_once_one_is_first(location: Location) -> None:
    record(location, [])

    def once(_: int) -> bool:
        return claim(location, ["a", "b"], NOW)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(once, range(16)))
    assert won.count(True) == 1


def test_a_ledger_that_cannot_be_written_claims_nothing(sqlite: Location) -> None:
    record(sqlite, [])
    with closing(sqlite3.connect(str(sqlite.path), isolation_level=None)) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnavailableError, match="cannot be written now"):
            claim(sqlite, ["a"], NOW)
        locker.execute("ROLLBACK")
    assert claim(sqlite, ["a"], NOW)
