"""`python -m tests.benchmarks`: measure tokentape beside direct, nginx and mitmdump. Policy: README.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from tests.benchmarks import micro
from tests.benchmarks.rows import ROWS
from tests.benchmarks.running_row import Options, run_row
from tests.benchmarks.table import floors_met, machine, row_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.results import RowResult

_WIDTH_IN_A_PIPE = 190


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` writes."""

    machine: dict[str, str]
    rows: tuple[RowResult, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows that were asked for; 1 where the counts of tokentape do not add up, floors aside."""
    options = _parse(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH_IN_A_PIPE)
    about = machine()
    console.print(", ".join(f"{name} {value}" for name, value in about.items()))
    results: list[RowResult] = []
    with Console(stderr=True).status("starting") as status:
        for name in options.only or _names():
            result = _run(name, options, status.update)
            results.append(result)
            console.print(result.text or row_table(result))
    met, known = floors_met(results)
    console.print(f"{met} of {known} floors met")
    if options.json:
        options.json.write_bytes(
            msgspec.json.format(msgspec.json.encode(Report(machine=about, rows=tuple(results))))
        )
    return int(any(line.exact is False for row in results for line in row.lines))


def _run(name: str, options: argparse.Namespace, progress: Callable[[str], None]) -> RowResult:
    row = next((row for row in ROWS if row.name == name), None)
    if row is None:
        progress(name)
        return micro.run_micro(name)
    without: set[str] = set(options.without)
    if not options.with_litellm:
        without.add("litellm")
    return run_row(row, Options(options.seconds, options.rounds, frozenset(without), progress=progress))


def _names() -> list[str]:
    return [*(row.name for row in ROWS), *micro.available()]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "--only",
        action="append",
        choices=_names(),
        metavar="ROW",
        help=f"one of {', '.join(_names())}; repeatable",
    )
    add("--seconds", type=float, help="of each measured load, instead of the row's own")
    add("--rounds", type=int, help="how often each contender is measured, instead of the row's own")
    add("--without", action="append", default=[], metavar="NAME", help="leave a contender out; repeatable")
    add("--with-litellm", action="store_true", help="install and measure LiteLLM's pass-through, too")
    add("--json", type=Path, metavar="FILE", help="write everything that was measured")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
