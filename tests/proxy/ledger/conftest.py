"""Ledgers: SQLite files, and databases of a real PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.postgres import postgres

from tokentape.proxy.ledger.location import Location, locate

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["postgres"]


@pytest.fixture
def sqlite(tmp_path: Path) -> Location:
    """Where no ledger is yet."""
    return locate(str(tmp_path / "folder" / "ledger.sqlite3"))


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest) -> Generator[Location]:
    """Where no ledger is yet, in each database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
    else:
        yield request.getfixturevalue("postgres").new()
