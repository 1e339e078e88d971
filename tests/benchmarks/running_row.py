"""Runs one row: start everyone, check that they agree, warm up, then measure in turns."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
from tests.benchmarks.agreement import check
from tests.benchmarks.children import StartError
from tests.benchmarks.contenders import STARTERS, UnavailableError
from tests.benchmarks.measure import Round, measure
from tests.benchmarks.private_environment import InstallError
from tests.benchmarks.results import Line, RowResult
from tests.benchmarks.upstream import served, upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.load import Load, Running
    from tests.benchmarks.rows import Entry, Row

_WARM_UP_SECONDS = 1.0


class Options(msgspec.Struct, frozen=True):
    """What the command line says."""

    seconds: float | None = None
    """Of each load; `None`: as the row says."""
    rounds: int | None = None
    without: frozenset[str] = frozenset()
    """Contenders that are left out."""
    progress: Callable[[str], None] = lambda _: None


def run_row(row: Row, options: Options) -> RowResult:
    """Measure one row.

    Raises:
        DisagreementError: a contender changes replies.
        StartError: the upstream or tokentape itself did not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tokentape-bench-")))
        options.progress(f"{row.name}: starting")
        direct = stack.enter_context(upstream(row.traffic, folder))
        contenders, skipped = _start(row, direct, folder, options, stack)
        for contender in contenders.values():
            check(direct, contender, row.traffic)
        entries = [entry for entry in row.entries if entry.contender in contenders]
        rounds = _rounds(row, entries, contenders, lambda: served(direct), options)
    return _result(row, entries, rounds, skipped)


def _start(
    row: Row, direct: Running, folder: Path, options: Options, stack: ExitStack
) -> tuple[dict[str, Running], dict[str, str]]:
    wanted = list(dict.fromkeys(entry.contender for entry in row.entries))
    contenders: dict[str, Running] = {}
    skipped: dict[str, str] = {}
    for name in wanted:
        if name in options.without:
            continue
        home = folder / name
        home.mkdir()
        try:
            contenders[name] = stack.enter_context(STARTERS[name](direct, home))
        except (UnavailableError, InstallError, StartError) as error:
            if name == "tokentape":
                raise
            skipped[name] = str(error)
    return contenders, skipped


def _rounds(
    row: Row,
    entries: Sequence[Entry],
    contenders: dict[str, Running],
    served_so_far: Callable[[], int],
    options: Options,
) -> dict[str, list[Round]]:
    """A B C A B C ...: what the machine does meanwhile meets all contenders alike."""
    seconds = options.seconds or row.seconds
    for entry in entries:
        options.progress(f"{row.name}: warming up {entry.label}")
        measure(
            contenders[entry.contender],
            entry.load(row.traffic, min(seconds, _WARM_UP_SECONDS)),
            served_so_far,
        )
    loads: dict[str, Load] = {entry.label: entry.load(row.traffic, seconds) for entry in entries}
    rounds: dict[str, list[Round]] = {entry.label: [] for entry in entries}
    count = options.rounds or row.rounds
    for number in range(count):
        for entry in entries:
            options.progress(f"{row.name}: round {number + 1} of {count}, {entry.label}")
            rounds[entry.label].append(
                measure(contenders[entry.contender], loads[entry.label], served_so_far)
            )
    return rounds


def _result(
    row: Row, entries: Sequence[Entry], rounds: dict[str, list[Round]], skipped: dict[str, str]
) -> RowResult:
    lines = {
        entry.label: Line(
            label=entry.label,
            figures=tuple(row.figure(each) for each in rounds[entry.label]),
            rounds=tuple(rounds[entry.label]),
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
