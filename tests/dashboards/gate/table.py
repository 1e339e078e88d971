"""The page of all panels, from a living set-up: `make dashboards-table`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.dashboards import boards
from tests.dashboards.gate import traffic
from tests.dashboards.gate.asking import ask, questions
from tests.dashboards.gate.conftest import living
from tests.dashboards.gate.expected import DAY, expectations, shown
from tests.dashboards.gate.gate import DAY_BUDGET, MAY_BE_EMPTY, MONTH_BUDGET, chosen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dashboards.gate.asking import Question
    from tests.dashboards.gate.gate import Stand

INTRODUCTION = """\
# Every panel and its query

<!-- Written by `make dashboards-table`. Do not edit. -->

Asked of a real Prometheus that scraped a real proxy each second: the traffic of the demo twice, and batches,
a tool loop, an unpriced model, a subscription and small rate limits, over the SDK and plain HTTP.
The range is 24 hours, and all variables are All (on the board of one model: that model).

**Series** is how many came back. **Shown** and **ledger** are the sum of a panel's figures and what the
ledger of the same proxy says, where it can say it; courses are multiplied by their rate interval. A test
fails where they differ by more than 1 %, label by label.
"""


_RATIOS: Final = {"_hits", "_thousand"}
"""Amounts that do not add up: they are compared label by label, and not on the page."""


def page(stand: Stand) -> str:
    """The page as Markdown."""
    return "\n".join([INTRODUCTION, *(_board(name, stand) for name in boards.NAMES)])


def cell(expr: str) -> str:
    """PromQL in a cell of a table."""
    return f"`{expr}`".replace("|", "\\|")


def _board(name: str, stand: Stand) -> str:
    board = boards.board(name)
    head = "| panel | query | series | shown | ledger |\n|---|---|---|---|---|"
    rows = "\n".join(_row(question, stand) for question in questions(name, board))
    return f"## {board['title']}\n\n{board['description']}\n\n{head}\n{rows}\n"


def _row(question: Question, stand: Stand) -> str:
    found = ask(stand.prometheus, question, chosen(question.board), DAY, stand.at)
    figures = " | ".join(_figures(question, stand)) or " | "
    series = f"{len(found)}" if found else f"0: {MAY_BE_EMPTY[question.name]}"
    return f"| {question.panel} {question.ref} | {cell(question.expr)} | {series} | {figures} |"


def _figures(question: Question, stand: Stand) -> Iterator[str]:
    """What is shown, and what the ledger says."""
    at = (question.board, question.panel, question.ref)
    where = {"model": traffic.SONNET} if question.board == "model" else {}
    matching = [each for each in expectations(DAY_BUDGET, MONTH_BUDGET) if each.at == at]
    if not matching or (matching[0].by and matching[0].amount.__name__ in _RATIOS):
        return
    answer = ask(stand.prometheus, question, chosen(question.board), DAY, stand.at)
    last = [(labels, values[-1]) for labels, values in answer]
    yield f"{sum(value for each in matching for value in shown(last, each).values()):.6g}"
    yield f"{sum(value for each in matching for value in stand.billed(each, where).values()):.6g}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for stand in living(Path(folder)):
            Path(sys.argv[1]).write_text(page(stand), encoding="utf-8")
