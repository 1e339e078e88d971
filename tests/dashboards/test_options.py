"""What a user may change is in every board and rule, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tokentape.dashboards.options import Options, Thresholds
from tokentape.dashboards.write import BOARDS, board_json, generated


def board(name: str, options: Options) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(board_json(name, options))
    return read


def variables(read: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in read["templating"]["list"]}


def selectors(read: dict[str, Any], metric: str) -> list[str]:
    """The matchers of every selector of a metric."""
    exprs = [target["expr"] for panel in read["panels"] for target in panel.get("targets", ())]
    return [part.partition("}")[0] for expr in exprs for part in expr.split(f"{metric}{{")[1:]]


@pytest.mark.parametrize("name", BOARDS)
def test_a_datasource_is_chosen_by_its_uid(name: str) -> None:
    chosen = variables(board(name, Options(datasource_uid="prom-eu")))["datasource"]["current"]
    assert (chosen["value"], chosen["selected"]) == ("prom-eu", True)


@pytest.mark.parametrize("name", BOARDS)
def test_each_metric_label_and_the_environment_have_a_variable(name: str) -> None:
    options = Options(metric_labels=("team", "feature"), environment_label="env")
    assert list(variables(board(name, options))) == [
        *("datasource", "env", "job", "instance"),
        *("team", "feature", "model"),
    ]


def test_every_selector_is_narrowed_by_them() -> None:
    options = Options(metric_labels=("team", "feature"), environment_label="env")
    found = selectors(board("overview", options), "tokentape_cost_usd_total")
    wanted = ('env=~"$env"', 'team=~"$team"', 'feature=~"$feature"', 'model=~"$model"')
    assert found
    assert [each for each in found if any(matcher not in each for matcher in wanted)] == []
    assert [each for each in found if "project" in each] == []


def test_budget_marks_are_where_the_panel_and_the_alerts_are() -> None:
    options = Options(thresholds=Thresholds(budget_warning=0.5, budget_critical=0.9))
    [panel] = [each for each in board("overview", options)["panels"] if each["title"] == "Budget used"]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 0.5, 0.9]
    rules = generated(options)["prometheus/alert-rules.yaml"]
    assert "0.5 <= " in rules
    assert ">= 0.9" in rules


def test_the_folder_the_job_and_the_runbook_are_in_the_files_that_name_them() -> None:
    files = generated(Options(folder="Costs", job="llm-proxy", runbook="https://wiki.example/tape"))
    assert [name for name, text in files.items() if "Costs" in text] == [
        "provisioning/dashboards/tokentape.yaml"
    ]
    assert 'up{job="llm-proxy"}' in files["prometheus/alert-rules.yaml"]
    assert "https://wiki.example/tape#tokentapedown" in files["prometheus/alert-rules.yaml"]
