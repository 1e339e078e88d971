"""Every query of every panel, asked of a real Prometheus that scraped a real proxy under real traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.dashboards import boards
from tests.dashboards.gate import traffic
from tests.dashboards.gate.asking import RANGES, ask, fault, questions
from tests.dashboards.gate.expected import expectations
from tests.dashboards.gate.gate import DAY_BUDGET, MAY_BE_EMPTY, MONTH_BUDGET, chosen, gate
from tests.dashboards.lint import VARIABLES

if TYPE_CHECKING:
    from tests.dashboards.boards import Choice
    from tests.dashboards.gate.gate import Stand

_SEVERAL: Final[Choice] = {
    "project": "(support|search|late)",
    "model": f"({traffic.SONNET}|{traffic.HAIKU})",
}
_ONE: Final[Choice] = {"project": "search", "model": traffic.SONNET}
_NONE: Final[Choice] = {"project": "nobody", "model": "nothing"}


@pytest.mark.parametrize("name", boards.NAMES)
def test_every_query_has_an_answer_and_every_figure_is_the_ledgers(name: str, stand: Stand) -> None:
    assert gate(name, boards.board(name), stand) == []


@pytest.mark.parametrize("choice", [_ONE, _SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize("name", boards.NAMES)
def test_a_choice_narrows_and_leaves_something_to_see(name: str, choice: Choice, stand: Stand) -> None:
    """Nothing is refused, nothing is only NaN, and the first figure is part of the whole."""
    choice = chosen(name) | choice
    if name == "model":
        choice |= {"model": traffic.SONNET}
    answers = {
        (question, span): ask(stand.prometheus, question, choice, span, stand.at)
        for question in questions(name, boards.board(name))
        for span in RANGES
    }
    faults = {(each.name, span): fault(each, found) for (each, span), found in answers.items()}
    assert {at: wrong for at, wrong in faults.items() if wrong not in {"", "empty"}} == {}
    assert any(answers.values())


@pytest.mark.parametrize("name", boards.NAMES)
def test_where_nothing_matches_nothing_is_shown(name: str, stand: Stand) -> None:
    """What is narrowed by project or model is empty or 0, and nothing is refused."""
    wrong = [
        question.name
        for question in questions(name, boards.board(name))
        for _, values in ask(stand.prometheus, question, chosen(name) | _NONE, "1h", stand.at)
        if '"$project"' in question.expr and any(values)
    ]
    assert wrong == []


def test_a_project_first_seen_while_scraped_costs_what_the_ledger_says(stand: Stand) -> None:
    projects = next(each for each in expectations(DAY_BUDGET, MONTH_BUDGET) if each.by == ("project",))
    (question,) = (
        each
        for each in questions("overview", boards.board("overview"))
        if (each.board, each.panel, each.ref) == projects.at
    )
    found = {
        labels["project"]: values[0]
        for labels, values in ask(stand.prometheus, question, boards.ALL, "1h", stand.at)
    }
    assert found[traffic.LATE] == pytest.approx(stand.billed(projects)[(traffic.LATE,)], rel=1e-9)
    assert found[traffic.LATE] > 0


def test_what_may_be_empty_is_a_query() -> None:
    names = {each.name for name in boards.NAMES for each in questions(name, boards.board(name))}
    assert MAY_BE_EMPTY.keys() <= names


def test_every_variable_has_its_place_in_a_query() -> None:
    """Else a choice would change nothing."""
    exprs = [expr for name in boards.NAMES for _, _, expr in boards.queries(boards.board(name))]
    assert [name for name in VARIABLES[1:] if not any(f'"${name}"' in expr for expr in exprs)] == []
