"""Runs one row: start everyone, check that they agree, warm up, then measure in turns."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from tests.benchmarks.agreement import DisagreementError, check
from tests.benchmarks.children import StartError
from tests.benchmarks.contenders import STARTERS, UnavailableError
from tests.benchmarks.measure import Round, measure
from tests.benchmarks.private_environment import InstallError
from tests.benchmarks.results import Line, RowResult
from tests.benchmarks.upstream import served, upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.benchmarks.load import Running
    from tests.benchmarks.rows import Entry, Row

Turn: TypeAlias = dict[str, Round]
"""One round of every line, by label."""


class Options(msgspec.Struct, frozen=True):
    """What the command line says."""

    seconds: float | None = None
    """Of each load; `None`: as the row says."""
    rounds: int | None = None
    without: frozenset[str] = frozenset()
    """Contenders that are left out."""
    warm_up: float = 1.0
    """Seconds of load that do not count, before the first round; 0: none."""
    progress: Callable[[str], None] = lambda _: None


def run_row(row: Row, options: Options) -> RowResult:
    """Measure one row.

    Raises:
        DisagreementError: upstream does not answer as the row wants, or tokentape changes its replies.
        StartError: upstream or tokentape did not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tokentape-bench-")))
        options.progress(f"{row.name}: starting")
        direct = stack.enter_context(upstream(row.traffic, folder))
        contenders, skipped = _start(row, direct, folder, options, stack)
        entries = [entry for entry in row.entries if entry.contender in contenders]
        turns = list(_turns(row, entries, contenders, direct, options))
    return _result(row, entries, turns, skipped)


def _start(
    row: Row, direct: Running, folder: Path, options: Options, stack: ExitStack
) -> tuple[dict[str, Running], dict[str, str]]:
    """Everyone who is there and gives the right reply; the others with the reason."""
    contenders: dict[str, Running] = {}
    skipped: dict[str, str] = {}
    for name in dict.fromkeys(entry.contender for entry in row.entries):
        if name in options.without:
            continue
        home = folder / name
        home.mkdir()
        try:
            contender = stack.enter_context(STARTERS[name](direct, home))
            check(direct, contender, row.traffic)
        except (UnavailableError, InstallError, StartError, DisagreementError) as error:
            if name in {"direct", "tokentape"}:
                raise
            skipped[name] = str(error)
        else:
            contenders[name] = contender
    return contenders, skipped


def _turns(
    row: Row, entries: Sequence[Entry], contenders: dict[str, Running], direct: Running, options: Options
) -> Iterator[Turn]:
    """A B C, A B C, ...: what the machine does meanwhile meets all contenders alike."""

    def turn(seconds: float, what: str) -> Turn:
        measured: Turn = {}
        for entry in entries:
            options.progress(f"{row.name}: {what}, {entry.label}")
            load = entry.load(row.traffic, seconds)
            measured[entry.label] = measure(contenders[entry.contender], load, lambda: served(direct))
        return measured

    seconds = options.seconds or row.seconds
    if options.warm_up:
        turn(min(seconds, options.warm_up), "warming up")
    count = options.rounds or row.rounds
    for number in range(count):
        yield turn(seconds, f"round {number + 1} of {count}")


def _result(row: Row, entries: Sequence[Entry], turns: Sequence[Turn], skipped: dict[str, str]) -> RowResult:
    lines = {
        entry.label: Line(
            label=entry.label,
            figures=tuple(row.figure(turn[entry.label]) for turn in turns),
            rounds=tuple(turn[entry.label] for turn in turns),
        )
        for entry in entries
    }
    verdicts = {
        label: tuple(judge(lines[label], lines) for judge in floors)
        for label, floors in row.floors.items()
        if label in lines
    }
    return RowResult(
        name=row.name,
        claim=row.claim,
        unit=row.unit,
        lines=tuple(lines.values()),
        verdicts=verdicts,
        skipped=skipped,
    )
