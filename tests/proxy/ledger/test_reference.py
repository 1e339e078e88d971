"""The page about the ledger is the code's own, and its SQL runs."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proxy.ledger.cases import record, varied

from tokentape.proxy.ledger.reference import TABLES, reference
from tokentape.proxy.ledger.schema import metadata

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location

PAGE = Path(__file__).parents[3] / "docs" / "ledger.md"


def test_the_page_is_up_to_date() -> None:
    """Run `python -m tokentape.proxy.ledger.reference docs/ledger.md` when this fails."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_column_says_what_it_holds() -> None:
    assert set(TABLES) == set(metadata.tables)
    silent = [column for table in metadata.tables.values() for column in table.columns if not column.comment]
    assert silent == []


def test_the_examples_run(sqlite: Location) -> None:
    record(sqlite, [varied(number) for number in range(50)])
    (examples,) = re.findall(r"```sql\n(.*?)```", reference().replace("2026-11-22", "2026-09-21"), re.DOTALL)
    with sqlite3.connect(str(sqlite.path)) as connection:
        found = [connection.execute(one).fetchall() for one in examples.split(";") if "SELECT" in one]
    connection.close()
    assert [bool(rows) for rows in found] == [True, True]
