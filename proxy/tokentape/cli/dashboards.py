"""`tokentape dashboards`: the group of commands that make Grafana boards."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.errors import FailedError
from tokentape.cli.options import options

if TYPE_CHECKING:
    from tokentape.cli.options import Settings
    from tokentape.dashboards.options import Options


@click.group(short_help="Make Grafana boards, alerts and rules.")
def dashboards() -> None:
    """Make Grafana boards, and Prometheus alerts and recording rules, for the metrics of the proxy."""


@dashboards.command(short_help="Write boards and rules to a folder.")
@options("dashboards build")
def build(**flags: Any) -> None:
    """Write boards, alerts, recording rules and their runbook, with your labels and budgets in them."""
    from pathlib import Path

    from tokentape.cli.settings import load_here

    if importlib.util.find_spec("grafana_foundation_sdk") is None:
        raise FailedError(
            "The boards need a package that is not installed: run pip install 'tokentape[dashboards]'."
        )
    from tokentape.dashboards.write import write

    settings = load_here(flags, "dashboards build")
    try:
        written = write(Path(settings.out), _boards(settings))
    except OSError as error:
        raise FailedError(f"{settings.out} cannot be written: {error.strerror}.") from None
    for path in written:
        click.echo(path)


def _boards(settings: Settings) -> Options:
    from tokentape.dashboards.options import Options, Thresholds

    warning, critical = settings.budget_marks
    return Options(
        datasource_uid=settings.datasource_uid,
        folder=settings.grafana_folder,
        environment_label=settings.environment_label,
        metric_labels=settings.metric_labels,
        job=settings.scrape_job,
        runbook=settings.runbook,
        thresholds=Thresholds(budget_warning=warning, budget_critical=critical),
    )
