"""Every query on thirty days of history: long ranges, and last week beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.dashboards import boards
from tests.dashboards.gate.asking import RANGES, ask, fault, questions
from tests.dashboards.gate.gate import MAY_BE_EMPTY, chosen
from tests.dashboards.history import END, History, make_database, open_metrics
from tests.support.prometheus import require, run_prometheus

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.prometheus import Prometheus


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Generator[Prometheus]:
    """A Prometheus that remembers thirty days and scrapes nothing."""
    require("promtool")
    folder = tmp_path_factory.mktemp("history")
    make_database(folder)
    with run_prometheus(folder, {}, "1h", flags=["--storage.tsdb.retention.time=100y"]) as prometheus:
        yield prometheus


@pytest.mark.slow
@pytest.mark.parametrize("name", boards.NAMES)
def test_every_query_has_an_answer_over_every_range(name: str, past: Prometheus) -> None:
    faults = {
        f"{question.name} over {span}": fault(question, ask(past, question, chosen(name), span, END))
        for question in questions(name, boards.board(name))
        for span in RANGES
        if question.name not in MAY_BE_EMPTY or "offset" in question.expr
    }
    assert {at: wrong for at, wrong in faults.items() if wrong} == {}


def test_the_history_is_the_same_every_time() -> None:
    def beginning() -> list[str]:
        history = History(seed=7)
        history.step(END, 60)
        history.step(END + 60, 60)
        return list(open_metrics(history.now(END)))

    assert beginning() == beginning()
    assert len(beginning()) > 500
