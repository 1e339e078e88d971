"""The gate: all that can be wrong with a board, seen from its file and from a living Prometheus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError

from tests.dashboards.boards import ALL
from tests.dashboards.gate import traffic
from tests.dashboards.gate.asking import RANGES, ask, fault, questions
from tests.dashboards.gate.expected import DAY, differences, expectations, shown
from tests.dashboards.lint import faults as lint

from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.queries import report
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.dashboards.boards import Board, Choice
    from tests.dashboards.gate.asking import Question
    from tests.dashboards.gate.expected import Expected, Sums
    from tests.support.prometheus import Prometheus
    from tests.support.proxy import RunningProxy

DAY_BUDGET: Final = 1.0
MONTH_BUDGET: Final = 20.0
MAY_BE_EMPTY: Final = {
    "overview / This week against the last / B": "nobody scraped a week ago; the backfill has that week",
    "health / Up, by version / B": "all proxies answer",
    "health / Unmetered, refused and failed, by reason / C": "no consumer of calls failed",
    "health / Unmetered, refused and failed, by reason / D": "no collector was asked for",
}
"""Queries that rightly have nothing to show here, and why."""


@dataclass(frozen=True)
class Stand:
    """The living set-up after its traffic."""

    prometheus: Prometheus
    proxy: RunningProxy
    ledger: str
    at: float
    """Time of the scrape that saw all of the traffic."""

    def billed(self, expected: Expected, where: Mapping[str, str] | None = None) -> Sums:
        """What the ledger says."""
        of = Selection(where=dict(where or {}))
        if expected.attempts:
            return self._attempts(of, expected.by)
        found = report(Reader(locate(self.ledger)), by=expected.by, of=of)
        rows = found.rows if expected.by else (found.total,)
        amounts = {tuple(str(row.keys[name]) for name in expected.by): expected.amount(row) for row in rows}
        return {key: amount for key, amount in amounts.items() if amount is not None}

    def failed(self) -> float:
        """Share of the attempts in the ledger that failed; clients that left did not."""
        calls = self._attempts(Selection(), ("outcome",))
        bad = sum(count for (outcome,), count in calls.items() if outcome not in {"ok", "client_abort"})
        return bad / sum(calls.values())

    def _attempts(self, of: Selection, by: tuple[str, ...]) -> Sums:
        """Calls without the results of batches, which nobody sent: they have both a batch and a model."""
        rows = report(Reader(locate(self.ledger)), by=tuple({*by, "batch", "model"}), of=of).rows
        sums: Sums = {}
        for row in rows:
            if row.keys["batch"] is None or row.keys["model"] in {None, "none"}:
                key = tuple(str(row.keys[name]) for name in by)
                sums[key] = sums.get(key, 0) + row.calls
        return sums


def chosen(board: str) -> Choice:
    """Everything; on the board of one model, that model."""
    return ALL | ({"model": traffic.SONNET} if board == "model" else {})


def gate(name: str, board: Board, stand: Stand, spans: tuple[str, ...] = tuple(RANGES)) -> list[str]:
    """Everything that is wrong with a board."""
    return [*lint(board), *without_answer(name, board, stand, spans), *wrong_values(name, board, stand)]


def without_answer(name: str, board: Board, stand: Stand, spans: tuple[str, ...]) -> list[str]:
    """Queries that Prometheus refuses, or that have nothing to show over a range."""
    found: list[str] = []
    for question in questions(name, board):
        for span in spans:
            try:
                wrong = fault(question, ask(stand.prometheus, question, chosen(name), span, stand.at))
            except HTTPError as refused:
                wrong = f"refused with {refused.code}"
            if wrong and not (wrong == "empty" and question.name in MAY_BE_EMPTY):
                found.append(f"{question.name} over {span}: {wrong}")
    return found


def wrong_values(name: str, board: Board, stand: Stand) -> list[str]:
    """Figures that are not the ledger's."""
    asked = {(each.board, each.panel, each.ref): each for each in questions(name, board)}
    where = {"model": traffic.SONNET} if name == "model" else {}
    found: list[str] = []
    for expected in expectations(DAY_BUDGET, MONTH_BUDGET):
        if expected.at[0] != name:
            continue
        if expected.at not in asked:
            found.append(f"there is no {' / '.join(expected.at)}")
            continue
        try:
            answer = ask(stand.prometheus, asked[expected.at], chosen(name), DAY, stand.at)
        except HTTPError:
            continue  # said by `without_answer`
        last = [(labels, values[-1]) for labels, values in answer]
        found += differences(expected, shown(last, expected), stand.billed(expected, where))
    ratio = asked.get((name, "Error ratio", "A"))
    if ratio is not None and not _is_ratio(stand, ratio):
        found.append(f"{ratio.name} is not {stand.failed()}")
    return found


def _is_ratio(stand: Stand, ratio: Question) -> bool:
    found = ask(stand.prometheus, ratio, chosen(ratio.board), DAY, stand.at)
    return bool(found) and math.isclose(found[0][1][-1], stand.failed(), rel_tol=0.01)
