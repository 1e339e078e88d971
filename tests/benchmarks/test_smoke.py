"""Every row runs, and its counts are consistent. How fast anything was is nobody's business here."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.benchmarks.rows import ROWS
from tests.benchmarks.running_row import Options, run_row
from tests.benchmarks.table import row_table

if TYPE_CHECKING:
    from tests.benchmarks.measure import Round
    from tests.benchmarks.rows import Row

pytestmark = pytest.mark.slow

_CONNECTIONS = 256
"""The most that a row opens: so many calls can be under way when wrk stops counting."""


@pytest.fixture(autouse=True, scope="module")
def _tools() -> None:
    missing = [
        name for name in ("nginx", "wrk") if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    ]
    if missing and os.environ.get("TOKENTAPE_CI_STRICT") == "1":
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_runs_and_accounts_for_every_call(row: Row) -> None:
    """Nothing failed; upstream confirms what was carried; carried = metered + unmetered."""
    result = run_row(row, Options(0.5, 1, frozenset({"mitmdump", "litellm"}), warm_up=0))
    assert [line.label for line in result.lines] == [
        entry.label for entry in row.entries if entry.contender not in {"mitmdump", "litellm"}
    ]
    assert result.skipped == {}
    for line in result.lines:
        for each in line.rounds:
            _is_consistent(each)
    assert row_table(result).row_count == len(result.lines)


def _is_consistent(each: Round) -> None:
    carried = each.carried.calls
    assert carried > 0
    assert each.carried.failed == 0
    assert each.served <= carried + _CONNECTIONS
    metering = each.metering
    if metering is None:
        return
    assert metering.exact
    assert metering.in_time + metering.late <= min(metering.metered, carried)
    assert carried <= metering.metered + metering.unmetered <= carried + _CONNECTIONS
