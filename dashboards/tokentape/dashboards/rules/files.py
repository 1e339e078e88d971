"""Rules as the YAML that Prometheus loads, and the runbook that goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from tokentape.dashboards.rules.alerts import alerts
from tokentape.dashboards.rules.recording import recording_rules

if TYPE_CHECKING:
    from tokentape.dashboards.options import Options
    from tokentape.dashboards.rules.alerts import Alert
    from tokentape.dashboards.rules.spans import Clock

_WIDTH: Final = 1_000_000


def recording_yaml(options: Options, clock: Clock) -> str:
    """The recording rules."""
    rules = [{"record": rule.record, "expr": rule.expr} for rule in recording_rules(options, clock)]
    return _dump(_group("tokentape.recording", rules, clock))


def alerts_yaml(options: Options, clock: Clock) -> str:
    """The alerts."""
    return _dump(
        _group("tokentape.alerts", [_alert(alert, options) for alert in alerts(options, clock)], clock)
    )


def operator_yaml(options: Options, clock: Clock) -> str:
    """All rules as the resource that the Prometheus operator takes."""
    groups = [
        *yaml.safe_load(recording_yaml(options, clock))["groups"],
        *yaml.safe_load(alerts_yaml(options, clock))["groups"],
    ]
    return _dump(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "tokentape"},
            "spec": {"groups": groups},
        }
    )


def provider_yaml(options: Options) -> str:
    """What tells Grafana in which folder to show the boards."""
    provider = {
        "name": "tokentape",
        "folder": options.folder,
        "type": "file",
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": "/var/lib/tokentape/dashboards"},
    }
    return _dump({"apiVersion": 1, "providers": [provider]})


def runbook(options: Options, clock: Clock) -> str:
    """A page with a heading for each alert, to which its `runbook_url` points."""
    entries = [_entry(alert) for alert in alerts(options, clock)]
    return "# Runbook\n\nWhat each alert means, and what to do.\n\n" + "\n".join(entries)


def _group(name: str, rules: list[dict[str, Any]], clock: Clock) -> dict[str, Any]:
    return {"groups": [{"name": name, "interval": clock.span(30), "rules": rules}]}


def _alert(alert: Alert, options: Options) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{options.runbook}#{alert.name.lower()}",
        },
    }


def _entry(alert: Alert) -> str:
    return (
        f"## {alert.name}\n\nSeverity: {alert.severity}. Holds for {alert.wait} before it fires.\n\n"
        f"**Meaning.** {alert.meaning}\n\n**What to do.** {alert.action}\n\n"
        f"```promql\n{alert.expr}\n```\n"
    )


def _dump(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=_WIDTH, allow_unicode=True)
