"""The text of a scrape: OpenMetrics 1.0 with exemplars and `_created`, or Prometheus' plain 0.0.4.

Families of this project are written straight from their label sets, about a microsecond a line, so
that a scrape of 20,000 lines leaves the observer its time. Anything else in the registry is written
from its samples, without exemplars.

Formats: https://prometheus.io/docs/specs/om/open_metrics_spec/ and
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tokentape.proxy.telemetry.families import Snapshot, escape, exemplar_labels, label_text
from tokentape.proxy.telemetry.sets import Amount, Distribution

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client import Metric as Exposed

    from tokentape.proxy.telemetry.families import Family
    from tokentape.proxy.telemetry.sets import Exemplar

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"

FOR_HUMANS = (
    "# A label set is at 0 in the first scrape that shows it, so that increase() misses nothing; "
    "/metrics?settled=1 shows what is true now.\n"
)
"""The first line of a plain scrape, which is what people read; a parser skips it."""

_PLAIN_TYPES = {"unknown": "untyped", "info": "gauge", "stateset": "gauge", "gaugehistogram": "histogram"}
"""What the plain format calls the types that only OpenMetrics has."""


class View(NamedTuple):
    """How a scraper sees the sets."""

    openmetrics: bool
    now: int
    """The tick of this scrape: sets born later are not in it."""
    seen: int
    """The tick of the scraper's last scrape: sets born since are at 0. `now` shows all true values."""

    @property
    def settled(self) -> bool:
        """Whether every value is the true one."""
        return self.seen >= self.now


def wants_openmetrics(accept: str) -> bool:
    """Whether an `Accept` header asks for OpenMetrics, at whatever quality above 0."""
    return any(_accepts_openmetrics(part) for part in accept.split(","))


def _accepts_openmetrics(part: str) -> bool:
    media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
    refused = any(parameter.replace(" ", "") in {"q=0", "q=0.0"} for parameter in parameters)
    return media_type == "application/openmetrics-text" and not refused


def exposition(registry: CollectorRegistry, view: View) -> bytes:
    """One scrape of everything in the registry, UTF-8."""
    lines: list[str] = [] if view.openmetrics or view.settled else [FOR_HUMANS]
    for metric in registry.collect():
        if isinstance(metric, Snapshot):
            _write_family(lines, metric, view)
        else:
            _write_foreign(lines, metric, view)
    if view.openmetrics:
        lines.append("# EOF\n")
    # A lone surrogate, which JSON can bring into any id, must not cost the whole scrape.
    return "".join(lines).encode("utf-8", "replace")


def _write_foreign(lines: list[str], metric: Exposed, view: View) -> None:
    suffix = "" if view.openmetrics else {"counter": "_total", "info": "_info"}.get(metric.type, "")
    kind = metric.type if view.openmetrics else _PLAIN_TYPES.get(metric.type, metric.type)
    name = metric.name + suffix
    lines.append(f"# HELP {name} {escape(metric.documentation)}\n# TYPE {name} {kind}\n")
    for sample in metric.samples:
        if view.openmetrics or not sample.name.endswith("_created"):
            labels = label_text(tuple(sample.labels), tuple(sample.labels.values()))
            lines.append(f"{sample.name}{{{labels}}} {sample.value}\n")


def _write_family(lines: list[str], snapshot: Snapshot, view: View) -> None:
    family = snapshot.family
    name = family.metric.family if view.openmetrics else family.metric.name
    lines.append(f"# HELP {name} {snapshot.documentation}\n# TYPE {name} {snapshot.type}\n")
    if view.openmetrics and snapshot.unit:
        lines.append(f"# UNIT {name} {snapshot.unit}\n")
    for one in family.sets():
        if one.born >= view.now:
            continue
        if isinstance(one, Amount):
            _write_amount(lines, family, one, view)
        else:
            _write_distribution(lines, family, one, view)


def _write_amount(lines: list[str], family: Family[Any], one: Amount, view: View) -> None:
    labels = f"{{{one.labels}}}" if one.labels else ""
    value = 0 if one.born > view.seen else one.value
    lines.append(f"{family.metric.name}{labels} {value}\n")
    if view.openmetrics and family.metric.type == "counter":
        lines.append(f"{family.metric.family}_created{labels} {one.created}\n")


def _write_distribution(lines: list[str], family: Family[Any], one: Distribution, view: View) -> None:
    name, fresh, total = family.metric.name, one.born > view.seen, 0
    head = f'{name}_bucket{{{one.labels},le="' if one.labels else f'{name}_bucket{{le="'
    exemplars = {} if fresh or not view.openmetrics else _exemplars(one)
    for index, bound in enumerate(family.bounds):
        total += 0 if fresh else one.counts[index]
        lines.append(f'{head}{bound}"}} {total}{exemplars.get(index, "")}\n')
    labels = f"{{{one.labels}}}" if one.labels else ""
    lines.append(f"{name}_count{labels} {total}\n{name}_sum{labels} {0 if fresh else one.sum}\n")
    if view.openmetrics:
        lines.append(f"{name}_created{labels} {one.created}\n")


def _exemplars(one: Distribution) -> dict[int, str]:
    return {bucket: _exemplar(exemplar) for bucket, exemplar in dict(one.exemplars).items()}


def _exemplar(exemplar: Exemplar) -> str:
    ids = ",".join(f'{name}="{escape(value)}"' for name, value in exemplar_labels(exemplar).items())
    return f" # {{{ids}}} {exemplar.value} {exemplar.at:.3f}" if ids else ""
