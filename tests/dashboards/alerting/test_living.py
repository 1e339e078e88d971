"""All alerts in a living Prometheus, and from there in a real Alertmanager, by a clock that runs faster.

The expressions are the deployed ones, with all spans of time divided by 240; that the true spans are right
is told to promtool.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.dashboards.alerting.exporter import SCALE, Exporter, serving
from tests.dashboards.alerting.scenarios import SCENARIOS
from tests.dashboards.boards import GRAFANA
from tests.support.alertmanager import run_alertmanager
from tests.support.prometheus import run_prometheus, until

from tokentape.dashboards.options import Options
from tokentape.dashboards.rules.files import alerts_yaml, recording_yaml
from tokentape.dashboards.rules.spans import HOUR, Clock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.alertmanager import Alertmanager
    from tests.support.prometheus import Prometheus

_ALL = {scenario.alert for scenario in SCENARIOS}
_LONGEST_WAIT = HOUR * SCALE


@pytest.mark.slow
def test_alerts_are_silent_fire_reach_alertmanager_and_resolve(tmp_path: Path) -> None:
    exporter = Exporter()
    clock = Clock(SCALE)
    (tmp_path / "recording.yaml").write_text(recording_yaml(Options(), clock), encoding="utf-8")
    (tmp_path / "alerts.yaml").write_text(alerts_yaml(Options(), clock), encoding="utf-8")
    config = GRAFANA / "alertmanager" / "alertmanager.yaml"
    with (
        serving(exporter) as ports,
        run_alertmanager(tmp_path, config) as alertmanager,
        run_prometheus(tmp_path, {}, "250ms", more=_config(tmp_path, ports, alertmanager.port)) as prometheus,
    ):
        _healthy_for(2 * _LONGEST_WAIT, prometheus)
        until("Alertmanager knows of none", lambda: not alertmanager.active())

        exporter.ill = True
        until("every alert has reached Alertmanager", lambda: alertmanager.active().keys() == _ALL)
        _tells_what_it_should(alertmanager)

        exporter.ill = False
        until("every alert that looks back an hour or less is over", lambda: _firing(prometheus) <= _DAYS)


_DAYS = {"TokentapeBudgetForecastExceeded"}
"""What looks back a day: six minutes by this clock."""


def _config(folder: Path, ports: tuple[int, int], alertmanager: int) -> Mapping[str, Any]:
    targets = [f"127.0.0.1:{port}" for port in ports]
    return {
        "scrape_configs": [{"job_name": "tokentape", "static_configs": [{"targets": targets}]}],
        "rule_files": [str(folder / "recording.yaml"), str(folder / "alerts.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }


def _firing(prometheus: Prometheus) -> set[str]:
    return {labels["alertname"] for labels, _ in prometheus.query('ALERTS{alertstate="firing"}')}


def _healthy_for(seconds: float, prometheus: Prometheus) -> None:
    """Scenarios that are well fire nothing, for longer than any alert waits."""
    # Before its first scrape Prometheus rightly says that the proxy is not there.
    until("the targets are known", lambda: prometheus.value("count(up)") == 2)
    until("the rules are evaluated", lambda: prometheus.query("tokentape:tokentape_cost_usd:rate1h"))
    until("that is over", lambda: not _firing(prometheus))
    end = time.monotonic() + seconds
    until("enough time is over", lambda: time.monotonic() > end)
    ever = prometheus.query(f'count_over_time(ALERTS{{alertstate="firing"}}[{round(seconds) - 1}s])')
    assert ever == []


def _tells_what_it_should(alertmanager: Alertmanager) -> None:
    """Labels are the scenario's, and no text has a hole where a label or a figure should be."""
    active = alertmanager.active()
    for scenario in SCENARIOS:
        alert = active[scenario.alert]
        scraped = {"job", "instance"}
        expected = {key: value for key, value in scenario.labels.items() if key not in scraped}
        told = {key: value for key, value in alert["labels"].items() if key not in scraped}
        assert told == expected | {"alertname": scenario.alert, "severity": told["severity"]}
        texts = " ".join(alert["annotations"].values())
        assert "<no value>" not in texts
        assert "error expanding" not in texts
        assert alert["annotations"]["runbook_url"] == f"runbook.md#{scenario.alert.lower()}"
