"""Reads the registry for an export: no call pays for it, and totals are those of `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tokentape.proxy.telemetry.families import Snapshot
from tokentape.proxy.telemetry.otel.metric_names import Attributes, series_of
from tokentape.proxy.telemetry.otel.metric_points import Point, metric_message
from tokentape.proxy.telemetry.sets import Amount, Distribution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import CollectorRegistry

    from tokentape.proxy.catalogue import Metric
    from tokentape.proxy.telemetry.families import Family
    from tokentape.proxy.telemetry.otel.config import Exporting
    from tokentape.proxy.telemetry.otel.metric_names import Series
    from tokentape.proxy.telemetry.otel.values import Value

DELTA: Final = "delta"


class Reading(NamedTuple):
    """One reading of the registry, encoded."""

    messages: list[bytes]
    """A `Metric` each."""
    points: list[int]
    """How many points each has."""


class _Counted(msgspec.Struct):
    """What a set had counted when its delta was last taken."""

    value: float
    counts: tuple[int, ...]
    sum: float


class MetricReader:
    """Turns a registry into OTLP metrics, again and again.

    Args:
        registry: whose families are read; what is not a family of ours is left out.
        exporting: names, temporality, exemplars.
        metric_labels: the configured ones.
        server: attributes of the conventions' metrics.
        begun: seconds since the epoch; before it nothing was counted.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        exporting: Exporting,
        *,
        metric_labels: tuple[str, ...],
        server: Mapping[str, Value],
        begun: float,
    ) -> None:
        self._registry = registry
        self._exporting = exporting
        self._attributes = Attributes(exporting.metric_names, metric_labels, server)
        self._delta = exporting.temporality == DELTA
        self._settled = begun
        """When the last reading that was taken by the collector was made."""
        self._before: dict[tuple[str, tuple[str, ...]], _Counted] = {}
        self._pending: dict[tuple[str, tuple[str, ...]], _Counted] = {}
        self._read_at = begun

    def read(self, now: float) -> Reading:
        """All metrics as of `now`, seconds since the epoch."""
        self._read_at = now
        self._pending = {}
        named: dict[str, tuple[Metric, Series, dict[tuple[Any, ...], Point]]] = {}
        for snapshot in self._registry.collect():
            if isinstance(snapshot, Snapshot):
                self._read_family(snapshot.family, named)
        temporality = self._exporting.temporality
        full = [
            (metric, series, list(points.values())) for metric, series, points in named.values() if points
        ]
        return Reading(
            [metric_message(metric, series, points, now, temporality) for metric, series, points in full],
            [len(points) for _, _, points in full],
        )

    def taken(self) -> None:
        """The collector has the last reading, or some of it: what comes next counts from there."""
        self._settled = self._read_at
        self._before.update(self._pending)

    def _read_family(
        self,
        family: Family[Any],
        named: dict[str, tuple[Metric, Series, dict[tuple[Any, ...], Point]]],
    ) -> None:
        metric = family.metric
        all_series = series_of(metric, self._exporting.metric_names, self._exporting.edition)
        for one in family.sets():
            labels = dict(zip(family.names, one.values, strict=True))
            counted = self._counted(metric, one)
            for series in all_series:
                if not series.holds(labels):
                    continue
                attributes = self._attributes.of(series, labels)
                point = self._point(one, counted, attributes)
                _, _, points = named.setdefault(series.name, (metric, series, {}))
                key = tuple(attributes.items())
                if key in points:
                    points[key].add(point)
                else:
                    points[key] = point

    def _counted(self, metric: Metric, one: Amount | Distribution) -> _Counted:
        """What is to be said of a set: all of it, or what came since."""
        if isinstance(one, Amount):
            total = _Counted(one.value, (), 0)
        else:
            total = _Counted(0, tuple(one.counts), one.sum)
        if not self._delta or metric.type == "gauge":
            return total
        key = (metric.name, one.values)
        self._pending[key] = total
        before = self._before.get(key)
        return total if before is None else _since(before, total)

    def _point(self, one: Amount | Distribution, counted: _Counted, attributes: Mapping[str, Value]) -> Point:
        since = max(one.created, self._settled) if self._delta else one.created
        point = Point(
            attributes=attributes, since=since, value=counted.value, counts=counted.counts, sum=counted.sum
        )
        if isinstance(one, Distribution) and self._exporting.exemplars:
            # An exemplar is sent once: the registry keeps the last one of each bucket for ever.
            exemplars = list(dict(one.exemplars).values())
            point.exemplars = [exemplar for exemplar in exemplars if exemplar.at >= self._settled]
        return point


def _since(before: _Counted, total: _Counted) -> _Counted:
    counts = tuple(now - then for now, then in zip(total.counts, before.counts, strict=True))
    return _Counted(total.value - before.value, counts, total.sum - before.sum)
