"""The rules before promtool and amtool: valid, each alert with scenarios, times as they are deployed."""

from __future__ import annotations

import subprocess
from typing import Final

import pytest
import yaml
from tests.dashboards.alerting.rule_tests import rule_tests
from tests.dashboards.alerting.scenarios import SCENARIOS
from tests.dashboards.boards import GRAFANA
from tests.support.prometheus import require

from tokentape.dashboards.options import Options
from tokentape.dashboards.rules.alerts import alerts
from tokentape.dashboards.rules.spans import Clock

_RULES: Final = GRAFANA / "prometheus"
_ALERTS: Final = alerts(Options(), Clock())


def _succeeds(program: str, *arguments: str) -> None:
    done = subprocess.run([require(program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault_in_the_rules() -> None:
    _succeeds("promtool", "check", "rules", "--lint-fatal", *map(str, sorted(_RULES.glob("*-rules.yaml"))))


def test_promtool_finds_no_fault_in_the_scrape_configuration() -> None:
    _succeeds("promtool", "check", "config", str(_RULES / "prometheus.yaml"))


def test_amtool_finds_no_fault_in_the_example_of_alertmanager() -> None:
    _succeeds("amtool", "check-config", str(GRAFANA / "alertmanager" / "alertmanager.yaml"))


def test_every_alert_has_a_scenario() -> None:
    assert sorted(scenario.alert for scenario in SCENARIOS) == sorted(alert.name for alert in _ALERTS)


def test_committed_rule_tests_are_those_of_the_scenarios() -> None:
    """After a change: `make dashboards`."""
    assert (_RULES / "alert-tests.yaml").read_text(encoding="utf-8") == rule_tests()


def test_every_alert_waits_fires_resolves_and_is_silent_at_little_traffic() -> None:
    """By promtool, with the true `for` of each."""
    _succeeds("promtool", "test", "rules", str(_RULES / "alert-tests.yaml"))


@pytest.mark.parametrize("alert", _ALERTS, ids=lambda alert: alert.name)
def test_an_alert_points_to_its_heading_in_the_runbook(alert: object) -> None:
    rules = yaml.safe_load((_RULES / "alert-rules.yaml").read_text(encoding="utf-8"))
    name = getattr(alert, "name", "")
    (rule,) = (rule for group in rules["groups"] for rule in group["rules"] if rule["alert"] == name)
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = (GRAFANA / page).read_text(encoding="utf-8").splitlines()
    assert [line for line in headings if line.startswith("## ") and line[3:].lower() == anchor]
