"""Asking: each query of a board, sent to Prometheus as Grafana would send it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.dashboards.boards import filled, panels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.dashboards.boards import Board, Choice, Panel
    from tests.support.prometheus import Prometheus

RANGES: Final = {"1h": 3600, "24h": 86400, "30d": 2_592_000}
POINTS: Final = 240
"""Of a course, some as wide as a panel."""
SCRAPE: Final = 15
"""Seconds: what the datasource is told of the scrape interval."""

Found = list[tuple[dict[str, str], list[float]]]


@dataclass(frozen=True, slots=True)
class Question:
    """One query of one panel."""

    board: str
    panel: str
    ref: str
    expr: str
    instant: bool
    labels: frozenset[str] = frozenset()
    """What its legend, or the columns of its table, name."""

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.board} / {self.panel} / {self.ref}"


def questions(name: str, of: Board) -> Iterator[Question]:
    """All queries of a board, in the order of its panels."""
    for panel in panels(of):
        columns = _columns(panel)
        for target in panel["targets"]:
            labels = columns | set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
            at, instant = (name, panel["title"], target["refId"]), bool(target.get("instant"))
            yield Question(*at, target["expr"], instant, frozenset(labels))


def _columns(panel: Panel) -> set[str]:
    """Labels that are columns of a table."""
    renamed = (each["options"].get("renameByName", {}) for each in panel.get("transformations", []))
    return {label for names in renamed for label in names if not label.startswith("Value")}


def step_seconds(span: str) -> int:
    """Between two points of a course."""
    return max(SCRAPE, RANGES[span] // POINTS)


def rate_seconds(span: str) -> int:
    """Grafana's rate interval: at least four scrapes, and one more than a step."""
    return max(4 * SCRAPE, step_seconds(span) + SCRAPE)


def ask(prometheus: Prometheus, question: Question, choice: Choice, span: str, at: float) -> Found:
    """Send a query with these variables over a range that ends at `at`: labels and values of each series.

    Raises:
        HTTPError: Prometheus refuses it.
    """
    expr = filled(question.expr, choice, span=span, rate=f"{rate_seconds(span)}s")
    if question.instant:
        return [(labels, [value]) for labels, value in prometheus.query(expr, time=at)]
    return prometheus.course(expr, start=at - RANGES[span], end=at, step=step_seconds(span))


def fault(question: Question, found: Found) -> str:
    """What is wrong with an answer, if anything."""
    if not found:
        return "empty"
    values: Sequence[float] = [value for _, each in found for value in each]
    if all(map(math.isnan, values)):
        return "nothing but NaN"
    nameless = [labels for labels, _ in found if not question.labels <= labels.keys()]
    return f"no {', '.join(sorted(question.labels))} in {nameless[0]}" if nameless else ""
