"""Options: what a user may change about the boards and rules without changing code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

RUNBOOK: Final = "runbook.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where a panel turns yellow and red, and where an alert fires. Shares are 0 to 1."""

    budget_warning: float = 0.8
    budget_critical: float = 1.0
    error_ratio: float = 0.05
    hit_ratio: float = 0.3
    first_token_seconds: float = 10.0
    truncated_ratio: float = 0.05
    ratelimit_left: float = 0.1
    stream_seconds: float = 900.0
    price_table_days: float = 60.0
    ignored_ratio: float = 0.2
    expensive_share: float = 0.8
    expensive_price: float = 20.0
    """USD for a million output tokens, from which on a model is an expensive one."""
    spike_factor: float = 3.0
    spike_usd: float = 1.0
    """USD an hour below which nobody needs to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `tokentape dashboards build` takes."""

    datasource_uid: str = ""
    """Uid of the Prometheus datasource that is chosen at first; empty: Grafana's default one."""
    folder: str = "Tokentape"
    """Grafana's folder, for the provisioning file."""
    environment_label: str = ""
    """A label of the scrape, such as `env`, that gets a variable of its own; empty: none."""
    metric_labels: tuple[str, ...] = ("project",)
    """The proxy's `metric_labels`: a variable each."""
    job: str = "tokentape"
    """Name of the scrape job."""
    runbook: str = RUNBOOK
    """Address of the runbook, to which an alert appends its anchor: a path in the repository unless told."""
    thresholds: Thresholds = field(default_factory=Thresholds)
