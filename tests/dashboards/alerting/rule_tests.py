"""Unit tests for promtool from the scenarios: `python -m tests.dashboards.alerting.rule_tests FILE`."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from tests.dashboards.alerting.scenarios import BEFORE, ILL, SCENARIOS, SCRAPED, course

from tokentape.dashboards.options import Options
from tokentape.dashboards.rules.alerts import alerts
from tokentape.dashboards.rules.spans import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.dashboards.alerting.scenarios import Scenario, Series

    from tokentape.dashboards.rules.alerts import Alert

RULES: Final = ("recording-rules.yaml", "alert-rules.yaml")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ALERTS: Final = {alert.name: alert for alert in alerts(Options(), Clock())}


def rule_tests(only: str = "") -> str:
    """The whole file, or what of it is about one alert."""
    tests = [
        test
        for scenario in SCENARIOS
        if scenario.alert == (only or scenario.alert)
        for test in _tests(scenario)
    ]
    document = {
        "rule_files": list(RULES),
        "evaluation_interval": "1m",
        "group_eval_order": ["tokentape.recording", "tokentape.alerts"],
        "tests": tests,
    }
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=1_000_000)


class _Plain(yaml.SafeDumper):
    """Without anchors: promtool reads them, people do not."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name and shape of the base class
        return True


def _tests(scenario: Scenario) -> list[dict[str, Any]]:
    alert = _ALERTS[scenario.alert]
    begins = BEFORE + scenario.begins
    fires = begins + _minutes(alert.wait)
    state = "pending" if fires > begins else "firing"
    holds = {"alertname": alert.name, "alertstate": state, "severity": alert.severity, **scenario.labels}
    fired = {"severity": alert.severity, **scenario.labels}
    told = {"exp_labels": fired, "exp_annotations": _annotations(alert, scenario)}
    name = alert.name
    found = [
        {
            "name": f"{name} holds, waits, fires, and ends",
            "interval": "1m",
            "input_series": _input(scenario.series, scenario.after),
            "promql_expr_test": [
                _state(name, begins - 1, []),
                _state(name, begins, [{"labels": _selector("ALERTS", holds), "value": 1}]),
            ],
            "alert_rule_test": [
                _expected(name, fires - 1, []),
                _expected(name, fires, [told]),
                _expected(name, BEFORE + ILL + scenario.after, []),
            ],
        }
    ]
    if scenario.thin is not None:
        thin = {
            key: replace(series, well=series.well * scenario.thin, ill=series.ill * scenario.thin)
            if series.shape == "flow"
            else series
            for key, series in scenario.series.items()
        }
        found.append(
            {
                "name": f"{name} says nothing of little traffic",
                "interval": "1m",
                "input_series": _input(thin, 1),
                "alert_rule_test": [
                    _expected(name, minute, []) for minute in range(BEFORE, BEFORE + ILL, 10)
                ],
            }
        )
    return found


def _input(series: Mapping[str, Series], after: int) -> list[dict[str, str]]:
    return [
        {"series": _scraped(name), "values": " ".join(_runs(_values(each, after)))}
        for name, each in series.items()
    ]


def _values(series: Series, after: int) -> list[float]:
    phases = chain(repeat(False, BEFORE), repeat(True, ILL), repeat(False, after + 1))
    return [round(value, 6) for value in course(series, phases, 0, 60)]


def _runs(values: list[float]) -> list[str]:
    """Values as promtool writes them: `0+5x90` is 0, 5, 10 and so on, 90 steps."""
    runs: list[str] = []
    at = 0
    while at < len(values):
        end, step = at, 0.0
        if at + 1 < len(values):
            step = round(values[at + 1] - values[at], 6)
            while end + 1 < len(values) and abs(values[end + 1] - values[end] - step) < 1e-7:
                end += 1
        runs.append(f"{values[at]:.10g}{step:+.10g}x{end - at}" if end > at else f"{values[at]:.10g}")
        at = end + 1
    return runs


def _scraped(name: str) -> str:
    base, _, labels = name.rstrip("}").partition("{")
    scraped = ",".join(f'{label}="{value}"' for label, value in SCRAPED.items())
    return f"{base}{{{','.join(filter(None, (labels, scraped)))}}}"


def _selector(name: str, labels: Mapping[str, str]) -> str:
    inside = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}"


def _state(name: str, minute: int, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {"expr": f'ALERTS{{alertname="{name}"}}', "eval_time": f"{minute}m", "exp_samples": expected}


def _expected(name: str, minute: int, told: list[dict[str, Any]]) -> dict[str, Any]:
    return {"alertname": name, "eval_time": f"{minute}m", "exp_alerts": told}


def _annotations(alert: Alert, scenario: Scenario) -> dict[str, str]:
    return {
        "summary": _rendered(alert.summary, scenario),
        "description": _rendered(alert.description, scenario),
        "runbook_url": f"runbook.md#{alert.name.lower()}",
    }


def _rendered(template: str, scenario: Scenario) -> str:
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: scenario.labels.get(found[1], ""), template)
    return re.sub(r"\{\{ \$value[^}]*\}\}", lambda _found: scenario.value, text)


def _minutes(wait: str) -> int:
    """A duration in whole minutes, rounded up."""
    seconds = int(wait[:-1]) * _UNITS[wait[-1]]
    return -(-seconds // 60)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(rule_tests(), encoding="utf-8")
