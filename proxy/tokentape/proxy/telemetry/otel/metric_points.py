"""The figures of the registry as OTLP metrics: `Metric` of opentelemetry/proto/metrics/v1/metrics.proto."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.telemetry.otel import wire
from tokentape.proxy.telemetry.otel.spans import nanoseconds
from tokentape.proxy.telemetry.otel.values import attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentape.proxy.catalogue import Metric
    from tokentape.proxy.telemetry.otel.metric_names import Series
    from tokentape.proxy.telemetry.otel.values import Value
    from tokentape.proxy.telemetry.sets import Exemplar

_DELTA, _CUMULATIVE = 1, 2
_TEMPORALITY: Final = {"delta": _DELTA, "cumulative": _CUMULATIVE}
_GAUGE, _SUM, _HISTOGRAM = 5, 7, 9
_MONOTONIC: Final = wire.number(3, 1)


class Point(msgspec.Struct, kw_only=True):
    """One set of labels at one moment: of an amount its value, of a distribution the other three."""

    attributes: Mapping[str, Value]
    since: float
    """Seconds since the epoch from which on it counts."""
    value: float = 0
    counts: tuple[int, ...] = ()
    """One a bucket, not cumulative, the last one without upper bound."""
    sum: float = 0
    exemplars: Sequence[Exemplar] = ()

    def add(self, other: Point) -> None:
        """Take in another set that has the same attributes."""
        self.value += other.value
        self.sum += other.sum
        self.counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        self.exemplars = [*self.exemplars, *other.exemplars]
        self.since = min(self.since, other.since)


def metric_message(
    metric: Metric, series: Series, points: Sequence[Point], now: float, temporality: str
) -> bytes:
    """A `Metric` with its points, as of `now`."""
    head = wire.text(1, series.name) + wire.text(2, series.help) + wire.text(3, series.unit)
    shared = wire.number(2, _TEMPORALITY[temporality])
    if metric.buckets:
        written = [_histogram_point(metric, point, now) for point in points]
        return head + wire.blob(_HISTOGRAM, wire.repeated(1, written) + shared)
    whole = metric.type == "counter" and metric.unit in {"", "tokens"}
    written = [_number_point(point, now, whole=whole, gauge=metric.type == "gauge") for point in points]
    if metric.type == "gauge":
        return head + wire.blob(_GAUGE, wire.repeated(1, written))
    return head + wire.blob(_SUM, wire.repeated(1, written) + shared + _MONOTONIC)


def _number_point(point: Point, now: float, *, whole: bool, gauge: bool) -> bytes:
    value = wire.fixed64(6, int(point.value)) if whole else wire.double(4, point.value)
    since = b"" if gauge else wire.fixed64(2, nanoseconds(point.since))
    return wire.repeated(7, attributes(point.attributes)) + since + wire.fixed64(3, nanoseconds(now)) + value


def _histogram_point(metric: Metric, point: Point, now: float) -> bytes:
    return b"".join(
        (
            wire.repeated(9, attributes(point.attributes)),
            wire.fixed64(2, nanoseconds(point.since)),
            wire.fixed64(3, nanoseconds(now)),
            wire.fixed64(4, sum(point.counts)),
            wire.double(5, point.sum),
            wire.packed_fixed64(6, point.counts),
            wire.packed_doubles(7, metric.buckets),
            wire.repeated(8, map(_exemplar, point.exemplars)),
        )
    )


def _exemplar(exemplar: Exemplar) -> bytes:
    request = {"anthropic.request.id": exemplar.request_id} if exemplar.request_id else {}
    written = wire.repeated(7, attributes(request)) + wire.fixed64(2, nanoseconds(exemplar.at))
    written += wire.double(3, exemplar.value)
    return written + wire.blob(5, bytes.fromhex(exemplar.trace_id)) if exemplar.trace_id else written
