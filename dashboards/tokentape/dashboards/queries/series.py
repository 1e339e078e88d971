"""Series: a metric narrowed by the variables of a board, and the few shapes that all queries are made of.

Rules for whoever writes a query:

- A total over the range shown is `in_range`; a course is `per_second`, `per_minute` or `per_hour`. A bare
  counter means nothing: it starts anew with every process.
- A window is Grafana's `$__range` or `$__rate_interval`, never a fixed one: only rules have those.
- Only labels that the catalogue declares are asked for: `vector` raises for any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tokentape.proxy.catalogue import BY_NAME, P

if TYPE_CHECKING:
    from tokentape.proxy.catalogue import Metric

RANGE: Final = "$__range"
RATE: Final = "$__rate_interval"
SCRAPE: Final = ("job", "instance")
"""Labels that the scrape adds to every series."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What queries are narrowed by.

    Args:
        metric_labels: the proxy's configured metric labels, the `P` of the catalogue.
        scrape_labels: labels of the scrape.
        variables: each of these labels, and `model`, is narrowed by the board's variable of its name;
            without it nothing is, as in rules.
    """

    metric_labels: tuple[str, ...] = ("project",)
    scrape_labels: tuple[str, ...] = SCRAPE
    variables: bool = True

    def labels(self, metric: Metric) -> tuple[str, ...]:
        """The labels of a metric, with the configured ones in the place of `P`."""
        named = (self.metric_labels if label == P else (label,) for label in metric.labels)
        return tuple(label for group in named for label in group)

    def vector(self, name: str, **where: str) -> str:
        """An instant vector selector, such as `tokentape_cost_usd_total{job=~"$job",kind="output"}`.

        Args:
            name: of a metric, or of its `_bucket`, `_sum` or `_count` where it is a histogram.
            where: matchers by label; a value is the operator and the quoted string, or a plain value.

        Raises:
            KeyError: the catalogue has no such metric.
            ValueError: the metric has no such label.
        """
        metric, bucket = _find(name)
        known = (*self.labels(metric), *(("le",) if bucket else ()), *self.scrape_labels)
        if strangers := set(where) - set(known):
            raise ValueError(f"{name} has no label {', '.join(sorted(strangers))}")
        matchers = {label: f'=~"${label}"' for label in self._narrowed(known)}
        matchers |= {label: _matcher(value) for label, value in where.items()}
        inside = ",".join(f"{label}{matcher}" for label, matcher in matchers.items())
        return f"{name}{{{inside}}}" if inside else name

    def _narrowed(self, known: tuple[str, ...]) -> list[str]:
        if not self.variables:
            return []
        offered = (*self.scrape_labels, *self.metric_labels, "model")
        return [label for label in offered if label in known]

    def in_range(self, name: str, **where: str) -> str:
        """By how much a counter grew over the range shown."""
        return f"increase({self.vector(name, **where)}[{RANGE}])"

    def per_second(self, name: str, offset: str = "", **where: str) -> str:
        """How fast a counter grows, a second."""
        return f"rate({self.vector(name, **where)}[{RATE}]{f' offset {offset}' if offset else ''})"

    def quantile(self, q: float, name: str, *by: str, **where: str) -> str:
        """A quantile of a histogram over the rate interval, by labels."""
        buckets = total(self.per_second(f"{name}_bucket", **where), "le", *by)
        return f"histogram_quantile({q:g}, {buckets})"


def _find(name: str) -> tuple[Metric, bool]:
    """A metric of the catalogue, and whether the name is that of its buckets."""
    if name in BY_NAME:
        return BY_NAME[name], False
    base, _, part = name.rpartition("_")
    metric = BY_NAME[base]
    if part not in {"bucket", "sum", "count"} or not metric.buckets:
        raise KeyError(name)
    return metric, part == "bucket"


def _matcher(value: str) -> str:
    return value if value.startswith(("=", "!")) else f'="{value}"'


def any_of(*values: str) -> str:
    """A matcher for one of these values."""
    return f'=~"{"|".join(values)}"'


def none_of(value: str, *more: str) -> str:
    """A matcher for none of these values."""
    return f'!~"{"|".join((value, *more))}"' if more else f'!="{value}"'


def total(expression: str, *by: str) -> str:
    """The sum, by labels."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def share(part: str, whole: str) -> str:
    """A part of a whole, 0 to 1; nothing where there is no whole, instead of not-a-number."""
    return f"{part} / ({whole} > 0)"


def per_minute(expression: str) -> str:
    """A course a second, as one a minute."""
    return f"60 * {expression}"


def per_hour(expression: str) -> str:
    """A course a second, as one an hour."""
    return f"3600 * {expression}"


def some(expression: str) -> str:
    """Only series above 0: the proxy shows models at 0 that nobody has used, and lists leave them out."""
    return f"{expression} > 0"


def or_zero(expression: str) -> str:
    """0 where there is no series at all: of what is counted, none has happened. For series without labels."""
    return f"{expression} or vector(0)"


def or_none(expression: str, *labels: str) -> str:
    """The same for series with labels: a single 0 whose labels say `none`, and no zero beside others."""
    nothing = "vector(0)"
    for label in labels:
        nothing = f'label_replace({nothing}, "{label}", "none", "", "")'
    return f"{expression} or ({nothing} unless on () ({expression}))"
