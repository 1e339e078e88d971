"""OTLP read back with the official classes, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
    from opentelemetry.proto.trace.v1.trace_pb2 import Span


def plain(value: AnyValue) -> Any:
    """What an `AnyValue` holds."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return getattr(value, kind)


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes by name; AssertionError where a name comes twice."""
    found: dict[str, Any] = {}
    for pair in pairs:
        assert pair.key not in found, f"{pair.key} twice"
        found[pair.key] = plain(pair.value)
    return found


def spans(request: bytes) -> list[Span]:
    """The spans of an export request."""
    read = ExportTraceServiceRequest.FromString(request)
    return [
        span for resource in read.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]


def records(request: bytes) -> list[LogRecord]:
    """The log records of an export request."""
    read = ExportLogsServiceRequest.FromString(request)
    return [
        record
        for resource in read.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def metrics(request: bytes) -> dict[str, Metric]:
    """The metrics of an export request by name; AssertionError where a name comes twice."""
    read = ExportMetricsServiceRequest.FromString(request)
    found: dict[str, Metric] = {}
    for metric in (m for r in read.resource_metrics for s in r.scope_metrics for m in s.metrics):
        assert metric.name not in found, f"{metric.name} twice"
        found[metric.name] = metric
    return found
