"""Ledgers for proxies: a file, or a database of a real PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.billed_upstream import BilledUpstream, billed_upstream
from tests.support.postgres import Postgres, postgres

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["postgres"]


@pytest.fixture
def upstream() -> Generator[BilledUpstream]:
    with billed_upstream() as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.sqlite3")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def any_ledger(request: pytest.FixtureRequest) -> str:
    """What `--ledger` may be."""
    if request.param == "sqlite":
        found: str = request.getfixturevalue("ledger")
        return found
    server: Postgres = request.getfixturevalue("postgres")
    return server.new().url.set(drivername="postgresql").render_as_string(hide_password=False)
