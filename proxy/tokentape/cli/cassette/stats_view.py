"""The figures of cassettes as a table, as CSV, as JSON."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec
from rich import box
from rich.table import Table

from tokentape.cli.asking.figures import NOTHING, cell, exact, usd
from tokentape.recorder.editing.statistics import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.recorder.editing.statistics import Statistics

_encode = msgspec.json.Encoder(decimal_format="number").encode
_COUNTS: Final = (
    "calls",
    "errors",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "unpriced",
)
_HEADS: Final = ("calls", "errors", "input", "cache read", "cache write", "output", "unpriced", "USD")


def table(found: Statistics) -> Table:
    """A row for each endpoint and model, and their sum."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold cyan")
    for name in ("endpoint", "model"):
        shown.add_column(name, no_wrap=True)
    for name in _HEADS:
        shown.add_column(name, justify="right", no_wrap=True)
    for row in found.rows:
        shown.add_row(row.endpoint, row.model, *_cells(row))
    shown.add_section()
    shown.add_row("total", NOTHING, *_cells(total(found)))
    return shown


def total(found: Statistics) -> Row:
    """The sum of all rows."""
    sums = {name: sum(getattr(row, name) for row in found.rows) for name in _COUNTS}
    return Row(endpoint="total", model=NOTHING, usd=sum((row.usd for row in found.rows), Decimal(0)), **sums)


def remarks(found: Statistics) -> Iterator[str]:
    """What is said below the table."""
    repeated = found.repetition
    yield f"{found.interactions:,} interactions, {found.response_bytes:,} bytes of replies"
    if repeated.distinct_bytes:
        times = repeated.request_bytes / repeated.distinct_bytes
        yield (
            f"{repeated.request_bytes:,} bytes of requests, {repeated.distinct_bytes:,} of them distinct: "
            f"each tool, system block and message is sent {times:.1f} times on average"
        )


def as_csv(found: Statistics) -> str:
    """A row for each endpoint and model."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["endpoint", "model", *_COUNTS, "usd"])
    for row in found.rows:
        counts = [getattr(row, name) for name in _COUNTS]
        writer.writerow([cell(row.endpoint), cell(row.model), *counts, exact(row.usd)])
    return out.getvalue()


def as_json(found: Statistics) -> str:
    """All figures, as one object."""
    return _encode(found).decode()


def _cells(row: Row) -> tuple[str, ...]:
    counts = (getattr(row, name) for name in _COUNTS)
    return (*(f"{count:,}" if count else NOTHING for count in counts), usd(row.usd) if row.usd else NOTHING)
