"""The table, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.results import Line, RowResult, Verdict

_BESIDE = ("direct", "nginx", "mitmdump", "litellm")
_NOTHING = "-"


def row_table(row: RowResult) -> Table:
    """One row of the benchmark: a line a contender, with ratios beside the absolute figures."""
    table = Table(
        title=f"\n{row.name}: {row.claim}", title_justify="left", title_style="bold", box=SIMPLE_HEAD
    )
    lines = {line.label: line for line in row.lines}
    beside = [name for name in _BESIDE if name in lines and len(lines) > 1]
    table.add_column("", no_wrap=True)
    table.add_column(row.unit, justify="right")
    table.add_column("from - to", justify="right", no_wrap=True)
    for name in beside:
        table.add_column(f"x {name}", justify="right")
    for name in (
        "carried",
        "failed",
        "metered",
        "late",
        "unmetered",
        "observer\nµs/call",
        "carrier\nµs/call",
    ):
        table.add_column(name, justify="right")
    table.add_column("floors", no_wrap=True)
    for line in row.lines:
        ratios = [_ratio(line, lines[name]) for name in beside]
        floors = "\n".join(_verdict(verdict) for verdict in row.verdicts.get(line.label, ()))
        table.add_row(line.label, _figure(line.figure), _spread(line), *ratios, *_counts(line), floors)
    table.caption = "\n".join(_notes(row)) or None
    table.caption_justify = "left"
    return table


def _counts(line: Line) -> list[str]:
    return [
        f"{line.carried:,}",
        f"{line.failed:,}" if line.failed else "0",
        *(_NOTHING if count is None else f"{count:,}" for count in (line.metered, line.late, line.unmetered)),
        _NOTHING if line.observer_microseconds is None else f"{line.observer_microseconds:.0f}",
        f"{line.worker_microseconds:.0f}" if line.worker_microseconds else _NOTHING,
    ]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _spread(line: Line) -> str:
    """The rounds' least and greatest figure: how much to trust their median."""
    if len(line.figures) == 1:
        return _NOTHING
    return f"{_figure(min(line.figures))} - {_figure(max(line.figures))}"


def _ratio(line: Line, other: Line) -> str:
    ratio = line.ratio(other)
    return _NOTHING if ratio is None or line is other else f"{ratio:.2f}"


def _verdict(verdict: Verdict) -> str:
    word = {True: "[green]met[/]", False: "[red]missed[/]", None: "not measured"}[verdict.met]
    reached = "" if verdict.reached is None else f" ({verdict.reached:.3g})"
    return f"{verdict.floor}: {word}{reached}"


def _notes(row: RowResult) -> list[str]:
    notes = [f"{line.label} is behind schedule with {behind:.2%} of calls" for line, behind in _behind(row)]
    notes += [
        f"{line.label}: p50 {_milliseconds(line, 'p50')}, p99 {_milliseconds(line, 'p99')} from the due time"
        for line, _ in _behind(row)
    ]
    notes += [f"without {name}: {reason}" for name, reason in row.skipped.items()]
    notes += [f"{line.label}: the counts do not add up" for line in row.lines if line.exact is False]
    return notes


def _behind(row: RowResult) -> list[tuple[Line, float]]:
    shares = [(line, [each.carried.behind for each in line.rounds]) for line in row.lines]
    return [
        (line, max(share for share in all_ if share is not None)) for line, all_ in shares if None not in all_
    ]


def _milliseconds(line: Line, name: str) -> str:
    return f"{max(getattr(each.carried, name) for each in line.rounds) * 1e3:.2f} ms"


def machine() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "cpus": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "nginx": _version("nginx", "-v"),
        "wrk": _version("wrk", "-v"),
    }


def _version(*command: str) -> str:
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        return "none"
    done = subprocess.run((program, *command[1:]), capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.+-]*", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def floors_met(rows: Sequence[RowResult]) -> tuple[int, int]:
    """How many floors were met, of how many that could be measured."""
    known = [verdict.met for row in rows for verdicts in row.verdicts.values() for verdict in verdicts]
    return sum(met is True for met in known), sum(met is not None for met in known)
