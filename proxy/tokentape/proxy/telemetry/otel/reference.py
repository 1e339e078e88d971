"""The tables of docs/opentelemetry.md: `python -m tokentape.proxy.telemetry.otel.reference PATH`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tokentape.proxy.catalogue import CATALOGUE
from tokentape.proxy.telemetry.otel import conventions
from tokentape.proxy.telemetry.otel.attributes import ATTRIBUTES
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.environment import VARIABLES
from tokentape.proxy.telemetry.otel.metric_names import SEMCONV, Attributes, series_of
from tokentape.proxy.telemetry.otel.tally import REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokentape.proxy.catalogue import Metric
    from tokentape.proxy.telemetry.otel.attribute import Attribute
    from tokentape.proxy.telemetry.otel.metric_names import Series

_AGAIN: Final = "written by `python -m tokentape.proxy.telemetry.otel.reference docs/opentelemetry.md`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join([_row(*head), _row(*["---"] * len(head)), *(_row(*row) for row in rows)]) + "\n"


def _attribute_rows() -> Iterable[tuple[str, ...]]:
    for row in ATTRIBUTES:
        yield f"`{row.named(Edition.V1_41) or row.named(Edition.LATEST)}`", row.type, row.help + _edition(row)
    yield f"`{conventions.LABEL_PREFIX}`*key*", "string", "Each label of the call but `project`."
    yield f"`{conventions.SERVER_ADDRESS}`", "string", "Host of the upstream, as it was configured."
    yield f"`{conventions.SERVER_PORT}`", "int", "Its port."
    yield f"`{conventions.DURATION}`", "double", "Events only, which have no start: seconds of the call."


def _edition(row: Attribute) -> str:
    old, new = row.named(Edition.V1_41), row.named(Edition.LATEST)
    if old == new:
        return ""
    if not new:
        return " Edition 1.41."
    return f" In `latest` it is `{new}`." if old else " Edition `latest`."


def _metric_rows() -> Iterable[tuple[str, ...]]:
    for metric in CATALOGUE:
        old, new = (series_of(metric, SEMCONV, edition) for edition in Edition)
        names = [_series(series) for series in old]
        latest = [_series(series) for series in new]
        shown = (
            "<br>".join(names)
            if names == latest
            else f"{'<br>'.join(names)}<br>`latest`: {', '.join(latest)}"
        )
        yield f"`{metric.name}`", _kind(metric), old[0].unit, shown, _labels(metric)


def _series(series: Series) -> str:
    said = ", ".join(f"`{name}={value}`" for name, value in series.constant.items())
    return f"`{series.name}`" + (f" ({said})" if said else "")


def _kind(metric: Metric) -> str:
    return {"counter": "sum", "gauge": "gauge", "histogram": "histogram"}[metric.type]


def _labels(metric: Metric) -> str:
    attributes = Attributes(SEMCONV, (), {})
    return ", ".join(f"`{attributes.name(name)}`" for name in metric.label_names(("project",))) or "none"


_TABLES: Final[dict[str, Callable[[], str]]] = {
    "attributes": lambda: _table(("attribute", "type", ""), _attribute_rows()),
    "metrics": lambda: _table(("on /metrics", "kind", "unit", "over OTLP", "attributes"), _metric_rows()),
    "variables": lambda: _table(("variable", ""), ((f"`{name}`", said) for name, said in VARIABLES.items())),
    "losses": lambda: _table(("reason", ""), ((f"`{name}`", said) for name, said in REASONS.items())),
}


def renewed(page: str) -> str:
    """The page with its tables as they are now."""
    for name, table in _TABLES.items():
        before, _, rest = page.partition(f"<!-- {name}: {_AGAIN} -->\n")
        _, _, after = rest.partition(f"<!-- end of {name} -->\n")
        page = f"{before}<!-- {name}: {_AGAIN} -->\n{table()}<!-- end of {name} -->\n{after}"
    return page


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
