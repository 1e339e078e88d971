"""The figures as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tokentape.cli.demo.figures import Figures, Row

_TOKENS: Final = ("input", "cache\nread", "cache\nwrite", "output", "hit\nratio")
_NO_MODEL: Final = "(no model)"
_COLUMNS: Final = ("calls", *_TOKENS, "TTFT\np50", "TTFT\np95")


def tables(figures: Figures) -> RenderableType:
    """Models above; what became of the calls side by side below."""
    below = (
        _counts("outcome", figures.outcomes),
        _counts("stop reason", figures.stop_reasons),
        _counts("error", figures.errors),
        _counts("retry after", figures.retries),
    )
    beside = Table.grid(padding=(0, 3, 0, 0))
    beside.add_row(*below)
    return Group(_models(figures), "", *_footnote(figures), beside)


def _footnote(figures: Figures) -> tuple[RenderableType, ...]:
    if all(row.name != "none" for row in figures.models):
        return ()
    return Text(f"{_NO_MODEL}: calls that name none, such as lists of models and files", style="dim"), ""


def _table(*, footer: bool = False) -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
        show_footer=footer,
        header_style="bold cyan",
        footer_style="bold",
        border_style="dim",
    )


def _models(figures: Figures) -> Table:
    table = _table(footer=True)
    table.add_column("model", footer=figures.total.name)
    for name, total in zip(_COLUMNS, _cells(figures.total), strict=True):
        table.add_column(name, footer=total, justify="right", no_wrap=True)
    for row in figures.models:
        table.add_row(_NO_MODEL if row.name == "none" else row.name, *_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    tokens = row.tokens
    return (
        f"{row.calls:,}",
        f"{tokens.input:,}",
        f"{tokens.cache_read:,}",
        f"{tokens.cache_write:,}",
        f"{tokens.output:,}",
        "" if tokens.hit_ratio is None else f"{tokens.hit_ratio:.0%}",
        _seconds(row.ttft_p50),
        _seconds(row.ttft_p95),
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _counts(title: str, counts: dict[str, int]) -> Table:
    table = _table()
    table.add_column(title, no_wrap=True)
    table.add_column("", justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    if not counts:
        table.add_row("none")
    return table
