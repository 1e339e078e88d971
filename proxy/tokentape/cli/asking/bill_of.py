"""What one run cost, from its own sums: the report that `run` ends with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tokentape.proxy.ledger import sums
from tokentape.proxy.ledger.report import Report, ReportRow, make_row

if TYPE_CHECKING:
    from tokentape.cli.totals import Totals


def report_of(totals: Totals) -> Report:
    """By model, the dearest first. Calls without a model are in the total only."""
    rows = [make_row({"model": model}, found) for model, found in totals.models.items()]
    rows.sort(key=lambda row: (-row.usd, -row.subscription_usd, -row.calls, str(row.keys["model"])))
    total = _total(list(totals.models.values()))
    now = datetime.now(UTC)
    since, until = total.first_at or now, total.last_at or now
    return Report(since=since, until=until, by=("model",), rows=tuple(rows), total=total)


def _total(found: list[list[int]]) -> ReportRow:
    if not found:
        return ReportRow(keys={})
    whole = found[0].copy()
    for more in found[1:]:
        sums.add(whole, more)
    return make_row({}, whole)
