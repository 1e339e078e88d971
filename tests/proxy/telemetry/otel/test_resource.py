from __future__ import annotations

from importlib.metadata import version

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support import otlp

from tokentape.proxy.telemetry.otel import wire
from tokentape.proxy.telemetry.otel.resource import Envelope, resource_attributes


def test_the_resource_names_the_service_and_what_was_given_wins() -> None:
    made = resource_attributes({"service.name": "gateway", "team": "search"})
    assert (made["service.name"], made["team"]) == ("gateway", "search")
    assert resource_attributes({})["service.name"] == "tokentape"
    assert made["service.version"] == version("tokentape")


def test_every_observer_is_an_instance_of_its_own() -> None:
    first, second = (resource_attributes({})["service.instance.id"] for _ in range(2))
    assert first != second


def test_the_envelope_is_that_of_all_three_signals() -> None:
    item = wire.text(5, "a name")
    request = Envelope({"service.name": "x"}, "https://schema").request([item, item])
    (spans,) = ExportTraceServiceRequest.FromString(request).resource_spans
    assert otlp.attributes(spans.resource.attributes) == {"service.name": "x"}
    assert spans.schema_url == spans.scope_spans[0].schema_url == "https://schema"
    assert spans.scope_spans[0].scope.name == "tokentape.proxy"
    assert [span.name for span in spans.scope_spans[0].spans] == ["a name", "a name"]
    events = Envelope({}, "").request([wire.text(12, "an event")])
    (logs,) = ExportLogsServiceRequest.FromString(events).resource_logs
    assert [record.event_name for record in logs.scope_logs[0].log_records] == ["an event"]
    metrics = wire.text(1, "a name")
    (found,) = ExportMetricsServiceRequest.FromString(Envelope({}, "").request([metrics])).resource_metrics
    assert [metric.name for metric in found.scope_metrics[0].metrics] == ["a name"]
