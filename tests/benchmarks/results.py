"""Rounds become figures: medians, ratios between contenders, and whether the floors were met."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from tests.benchmarks.measure import Round


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One contender in one row, all rounds together."""

    label: str
    figures: tuple[float, ...]
    """One a round, in the row's unit."""
    rounds: tuple[Round, ...]

    @property
    def figure(self) -> float:
        """The median of the rounds."""
        return median(self.figures)

    def ratio(self, other: Line) -> float | None:
        """The median of the ratios of rounds that were measured side by side."""
        pairs = list(zip(self.figures, other.figures, strict=True))
        return median(mine / theirs for mine, theirs in pairs) if all(other.figures) else None

    @property
    def carried(self) -> int:
        return sum(each.carried.calls for each in self.rounds)

    @property
    def failed(self) -> int:
        return sum(each.carried.failed for each in self.rounds)

    @property
    def unmetered(self) -> int | None:
        return self._sum(lambda each: each.metering.unmetered if each.metering else 0)

    @property
    def metered(self) -> int | None:
        """Calls that were metered in time."""
        return self._sum(lambda each: each.metering.in_time if each.metering else 0)

    @property
    def late(self) -> int | None:
        return self._sum(lambda each: each.metering.late if each.metering else 0)

    @property
    def exact(self) -> bool | None:
        """In every round carried = metered + unmetered; `None` where nobody meters."""
        known = [each.metering.exact for each in self.rounds if each.metering]
        return all(known) if known else None

    @property
    def worker_microseconds(self) -> float:
        """CPU per call of the processes that carry bytes."""
        return sum(each.cpu for each in self.rounds) / max(1, self.carried) * 1e6

    @property
    def observer_microseconds(self) -> float | None:
        """CPU per call of the process that understands, over all calls that it metered."""
        known = [each.metering for each in self.rounds if each.metering]
        calls = sum(each.metered for each in known)
        return sum(each.observer_cpu for each in known) / calls * 1e6 if calls else None

    def _sum(self, count: Callable[[Round], int]) -> int | None:
        if not any(each.metering for each in self.rounds):
            return None
        return sum(count(each) for each in self.rounds)


class Verdict(msgspec.Struct, frozen=True):
    """A floor, and whether this run met it; `None` where it could not be measured."""

    floor: str
    met: bool | None
    reached: float | None = None


Lines: TypeAlias = dict[str, Line]
Floor: TypeAlias = Callable[[Line, Lines], Verdict]


def at_least(bound: float, of: str) -> Floor:
    """The figure is at least `bound` times that of another line."""
    return _ratio_floor(f"≥ {bound:g} x {of}", of, lambda ratio: ratio >= bound)


def at_most(bound: float, of: str) -> Floor:
    """The figure is at most `bound` times that of another line."""
    return _ratio_floor(f"≤ {bound:g} x {of}", of, lambda ratio: ratio <= bound)


def below(bound: float, unit: str) -> Floor:
    """The figure itself is at most `bound`."""

    def judge(line: Line, _: Lines) -> Verdict:
        return Verdict(f"≤ {bound:g} {unit}", line.figure <= bound)

    return judge


def _ratio_floor(text: str, of: str, holds: Callable[[float], bool]) -> Floor:
    def judge(line: Line, lines: Lines) -> Verdict:
        ratio = line.ratio(lines[of]) if of in lines else None
        return Verdict(text, None if ratio is None else holds(ratio), ratio)

    return judge


def none_unmetered(line: Line, _: Lines) -> Verdict:
    """Nothing was carried without being metered, and everything that was asked for was carried."""
    return Verdict("none unmetered", line.unmetered == 0 and line.exact is True and not line.failed)


def exact(line: Line, _: Lines) -> Verdict:
    """Every carried call is in exactly one count."""
    return Verdict("carried = metered + unmetered", line.exact)


class RowResult(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table, with everything behind it."""

    name: str
    claim: str
    unit: str
    lines: tuple[Line, ...]
    verdicts: dict[str, tuple[Verdict, ...]]
    """By label of a line."""
    skipped: dict[str, str]
    """Contenders that this machine does not have, with the reason."""
    text: str = ""
    """What a row that measures one component by itself prints."""
