"""Variables: the same ones, in the same order, on every board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.dashboards.options import Options

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_REQUESTS: Final = "tokentape_requests_total"
_ALL: Final = VariableOption(selected=True, text="All", value="$__all")

Variable = dashboard.QueryVariable | dashboard.DatasourceVariable


def variables(options: Options, *, one_model: bool = False) -> Iterator[Variable]:
    """All variables of a board; with `one_model` exactly one model is chosen."""
    yield _datasource(options)
    narrowing = ""
    for label in scrape_labels(options):
        yield _labels(label, "tokentape_build_info", narrowing)
        narrowing = _and(narrowing, label)
    for label in options.metric_labels:
        yield _labels(label, _REQUESTS, narrowing)
        narrowing = _and(narrowing, label)
    model = _labels("model", _REQUESTS, _and(narrowing, "model", '!~"none|other"'))
    yield model.multi(False).include_all(False).current(VariableOption()) if one_model else model


def scrape_labels(options: Options) -> tuple[str, ...]:
    """Labels of the scrape that have a variable."""
    environment = (options.environment_label,) if options.environment_label else ()
    return (*environment, "job", "instance")


def _and(narrowing: str, label: str, matcher: str = "") -> str:
    matcher = matcher or f'=~"${label}"'
    return ",".join(filter(None, (narrowing, f"{label}{matcher}")))


def _datasource(options: Options) -> dashboard.DatasourceVariable:
    variable = dashboard.DatasourceVariable("datasource").label("Datasource").type("prometheus")
    if options.datasource_uid:
        uid = options.datasource_uid
        variable = variable.current(VariableOption(selected=True, text=uid, value=uid))
    return variable.hide(VariableHide.DONT_HIDE)


def _labels(label: str, metric: str, narrowing: str) -> dashboard.QueryVariable:
    query = f"label_values({metric}{{{narrowing}}}, {label})"
    return (
        dashboard.QueryVariable(label)
        .label(label.replace("_", " ").capitalize())
        .datasource(_SOURCE)
        .query({"query": query, "refId": label})
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(_ALL)
    )
