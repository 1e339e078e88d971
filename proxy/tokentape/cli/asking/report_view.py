"""A report as a table, as CSV, as JSON."""

from __future__ import annotations

import csv
import io
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich import box
from rich.table import Table

from tokentape.cli.asking.figures import NOTHING, cell, exact, ratio, share, usd

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo
    from decimal import Decimal

    from tokentape.cli.asking.keys import Key
    from tokentape.cli.asking.whatif import WhatIf
    from tokentape.proxy.ledger.report import Report, ReportRow

_COUNTS: Final = ("calls", "input", "cache\nread", "cache\nwrite", "output", "hit\nratio")
_MONEY: Final = ("USD", "USD\na call")
_SHARES: Final = ("esti-\nmated", "un-\npriced", "subscr.", "USD on\nsubscr.")
_COLUMNS: Final = (
    "calls",
    "errors",
    "paid",
    "estimated",
    "unpriced",
    "subscription",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "thinking_tokens",
    "web_searches",
    "hit_ratio",
    "usd",
    "usd_per_call",
    "estimated_share",
    "unpriced_share",
    "subscription_share",
    "subscription_usd",
    "savings_usd",
    "batch_savings_usd",
    "wasted_usd",
    "first_at",
    "last_at",
)
_encode = msgspec.json.Encoder(decimal_format="number").encode


def tables(
    report: Report, other: Mapping[Key, WhatIf] | None = None, model: str = "", zone: tzinfo = UTC
) -> tuple[Table, Table]:
    """The whole table, and one for a narrow terminal: without the columns in which there is nothing."""
    whole = table(report, other, model, zone)
    narrow = table(report, other, model, zone)
    empty = {heading for heading, there in zip(_SHARES, _rest(report.total, None), strict=True) if not there}
    narrow.columns = [column for column in narrow.columns if column.header not in empty]
    return whole, narrow


def table(
    report: Report, other: Mapping[Key, WhatIf] | None = None, model: str = "", zone: tzinfo = UTC
) -> Table:
    """For a terminal, with totals; `other` is what the calls would have cost at `model`."""
    used = zone if "credential" in report.by else None
    shown = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), header_style="bold cyan"
    )
    for name in report.by or ("",):
        shown.add_column(name.removeprefix("label:"), no_wrap=True)
    what_if = (f"USD at\n{model}", "change") if other is not None else ()
    ends = ("first use", "last use") if used else ()
    for name in (*_COUNTS, *_MONEY, *what_if, *_SHARES, *ends):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in report.rows if report.by else ():
        keys = ["(none)" if value is None else str(value) for value in row.keys.values()]
        shown.add_row(*keys, *_cells(row), *_other(other, tuple(row.keys.values())), *_rest(row, used))
    shown.add_section()
    keys = ["all", *[NOTHING] * (len(report.by) - 1)]
    total = _total(other) if other is not None else None
    shown.add_row(*keys, *_cells(report.total), *_other(total, ()), *_rest(report.total, used), style="bold")
    return shown


def beside(total: ReportRow) -> str:
    """What was saved and what was spent for nothing, in one line; empty where there is neither."""
    amounts = {
        "saved by caching": total.savings_usd,
        "saved by batches": total.batch_savings_usd,
        "spent for nothing": total.wasted_usd,
    }
    told = [f"{amount:,.4f} USD {what}" for what, amount in amounts.items() if amount]
    return ", ".join(told)


def _cells(row: ReportRow) -> tuple[str, ...]:
    written = row.cache_write_5m_tokens + row.cache_write_1h_tokens
    counts = (row.calls, row.input_tokens, row.cache_read_tokens, written, row.output_tokens)
    return (*(f"{count:,}" for count in counts), ratio(row.hit_ratio), usd(row.money), usd(row.usd_per_call))


def _rest(row: ReportRow, used: tzinfo | None) -> tuple[str, ...]:
    """Shares; and first and last use, where there is a zone to tell them in."""
    shares = (share(row.estimated_share), share(row.unpriced_share), share(row.subscription_share))
    ends = (row.first_at, row.last_at) if used else ()
    local = [end.astimezone(used).strftime("%Y-%m-%d %H:%M") if end else NOTHING for end in ends]
    equivalent = usd(row.subscription_usd) if row.subscription else NOTHING
    return (*shares, equivalent, *local)


def _other(other: Mapping[Key, WhatIf] | None, key: Key) -> tuple[str, ...]:
    if other is None:
        return ()
    found = other.get(key)
    if found is None:
        return NOTHING, NOTHING
    change = (found.what_if_usd - found.usd) / found.usd if found.usd else None
    return usd(found.what_if_usd), NOTHING if change is None else f"{change:+.1%}"


def _total(other: Mapping[Key, WhatIf]) -> dict[Key, WhatIf]:
    from tokentape.cli.asking.whatif import WhatIf

    total = WhatIf()
    for found in other.values():
        total.calls += found.calls
        total.usd += found.usd
        total.what_if_usd += found.what_if_usd
    return {(): total}


def as_csv(report: Report, other: Mapping[Key, WhatIf] | None = None) -> str:
    """A row each, without a total, which a spreadsheet makes itself."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [*(cell(name) for name in report.by), *_COLUMNS, *(("what_if_usd",) if other is not None else ())]
    )
    for row in report.rows if report.by else (report.total,):
        more = [] if other is None else [exact(_what_if_usd(other, row))]
        writer.writerow([*map(cell, row.keys.values()), *map(_plain, _values(row).values()), *more])
    return out.getvalue()


def as_json(report: Report, other: Mapping[Key, WhatIf] | None = None) -> str:
    """All of it; amounts are numbers with all their digits."""
    total = _total(other) if other is not None else None
    whole = {
        "since": report.since,
        "until": report.until,
        "by": report.by,
        "rows": [_object(row, other) for row in (report.rows if report.by else ())],
        "total": _object(report.total, total),
    }
    return msgspec.json.format(_encode(whole), indent=2).decode()


def _object(row: ReportRow, other: Mapping[Key, WhatIf] | None) -> dict[str, Any]:
    more = {} if other is None else {"what_if_usd": _what_if_usd(other, row)}
    return {**row.keys, **_values(row), **more}


def _values(row: ReportRow) -> dict[str, Any]:
    return {name: row.money if name == "usd" else getattr(row, name) for name in _COLUMNS}


def _what_if_usd(other: Mapping[Key, WhatIf], row: ReportRow) -> Decimal | None:
    found = other.get(tuple(row.keys.values()))
    return found.what_if_usd if found else None


def _plain(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return exact(value) if hasattr(value, "as_tuple") else cell(value)
