"""Reading a registry in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric


def series(registry: CollectorRegistry, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """All true values of a sample name, by the values of these labels."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == name
    }


def total(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """The sum over all sets of a sample name that have these labels."""
    return sum(
        sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def parse_openmetrics(text: str) -> list[Metric]:
    """The families of an OpenMetrics text; ValueError if it is none."""
    families: Any = openmetrics_parser
    return list(families.text_string_to_metric_families(text))


def parse_plain(text: str) -> list[Metric]:
    """The families of a plain text; ValueError if it is none."""
    return list(parser.text_string_to_metric_families(text))
