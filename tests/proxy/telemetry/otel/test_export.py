from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from tests.support import otlp
from tests.support.calls import make_call
from tests.support.full_call import BILL, TRACE_ID, full_call
from tests.support.metrics import series
from tests.support.otlp_receiver import Receiver, Reply, otlp_over_grpc, otlp_over_http
from tests.support.ports import closed_port

from tokentape.proxy.telemetry.otel.attributes import ATTRIBUTES
from tokentape.proxy.telemetry.otel.config import (
    GRPC,
    HTTP,
    Batching,
    Destination,
    Exporting,
    RequestLog,
)
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.export import Export
from tokentape.proxy.telemetry.prometheus import PrometheusSink

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.proxy.observer.sinks import CallSink


def exporting(endpoint: str, protocol: str = HTTP, **changes: Any) -> Exporting:
    def destination(signal: str) -> Destination:
        path = f"/v1/{signal}" if protocol == HTTP else ""
        return Destination(endpoint=endpoint + path, protocol=protocol, timeout=5)

    fields: dict[str, Any] = {signal: destination(signal) for signal in ("traces", "metrics", "logs")}
    fields |= {"spans": Batching(delay=0.01), "records": Batching(delay=0.01)}
    return Exporting(**(fields | changes))


def test_it_is_a_sink_of_calls() -> None:
    sink: CallSink = Export(Exporting())
    assert sink.name == "opentelemetry"
    sink.opened(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # nothing is read
    sink.closed(make_call(), None)


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_calls_and_figures_arrive_over_either_protocol(protocol: str) -> None:
    collector = otlp_over_http if protocol == HTTP else otlp_over_grpc
    registry = CollectorRegistry()
    prometheus = PrometheusSink(registry, bill=True)
    with collector() as receiver:
        export = Export(exporting(receiver.endpoint, protocol, resource={"service.name": "gateway"}))
        export.send_metrics(registry, ("project",), begun=0)
        export.start()
        for number in range(3):
            prometheus.closed(full_call(id=str(number)), BILL)
            export.closed(full_call(id=str(number)), BILL)
        spans, records = receiver.spans(3), receiver.records(3)
        export.close()
    assert [otlp.attributes(span.attributes)["tokentape.call.id"] for span in spans] == ["0", "1", "2"]
    assert [record.span_id for record in records] == [span.span_id for span in spans]
    assert (
        sum(point.count for point in receiver.metrics()["gen_ai.client.token.usage"].histogram.data_points)
        == 6
    )


@pytest.mark.parametrize("edition", Edition)
def test_on_the_wire_a_span_has_exactly_what_the_table_says_in_either_edition(edition: Edition) -> None:
    call = full_call()
    with otlp_over_http() as receiver:
        told = exporting(receiver.endpoint, edition=edition, metrics=None)
        export = Export(msgspec.structs.replace(told, server_address="api.anthropic.com", server_port=443))
        export.start()
        export.closed(call, BILL)
        (span,) = receiver.spans(1)
        export.close()
    table = [(row.named(edition), row.read(call, BILL)) for row in ATTRIBUTES if row.named(edition)]
    wanted = {name: list(v) if isinstance(v, tuple) else v for name, v in table if v is not None}
    wanted |= {"tokentape.label.team": "search", "tokentape.label.cassette": "greeting"}
    wanted |= {"server.address": "api.anthropic.com", "server.port": 443}
    assert otlp.attributes(span.attributes) == wanted
    assert not {name for name in wanted if "messages" in name and name.startswith("gen_ai")}


def test_exemplars_lead_to_the_spans_of_calls_that_began_a_trace(tmp_path: Path) -> None:
    export = Export(exporting("http://127.0.0.1:1"))
    registry = CollectorRegistry()
    prometheus = PrometheusSink(registry)
    prometheus.trace_id = export.trace_id
    prometheus.closed(make_call())
    made = export.trace_id(make_call())
    assert len(made) == 32
    assert made in repr([s.exemplar for family in registry.collect() for s in family.samples])
    assert export.trace_id(full_call()) == TRACE_ID
    unsampled = Export(exporting("http://127.0.0.1:1", sampler="always_off"))
    logs_only = Export(Exporting(request_log=RequestLog(path=str(tmp_path / "log"))))
    assert (unsampled.trace_id(make_call()), logs_only.trace_id(make_call())) == ("", "")
    assert logs_only._log is not None
    logs_only.start()
    logs_only.close()


def counts(export: Export) -> dict[str, dict[tuple[str, ...], float]]:
    registry = CollectorRegistry()
    export.show_counts(PrometheusSink(registry).instruments)
    return {
        "sent": series(registry, "tokentape_otlp_sent_items_total", "signal"),
        "lost": {
            key: value
            for key, value in series(registry, "tokentape_otlp_lost_items_total", "signal", "reason").items()
            if value
        },
        "failed": series(registry, "tokentape_otlp_failed_requests_total", "signal", "reason"),
    }


def test_what_was_sent_is_counted() -> None:
    with otlp_over_http() as receiver:
        export = Export(exporting(receiver.endpoint))
        export.start()
        export.closed(make_call(), None)
        export.closed(make_call(custom_id="one", result="succeeded"), None)
        export.close()
    assert counts(export)["sent"] == {("traces",): 1, ("metrics",): 0, ("logs",): 2}
    assert counts(export)["lost"] == {}


def test_a_collector_that_is_down_at_the_end_costs_what_it_was_to_have_and_no_time() -> None:
    export = Export(exporting(f"http://127.0.0.1:{closed_port()}"))
    export.start()
    for number in range(5):
        export.closed(make_call(id=str(number)), None)
    export.close()
    assert counts(export)["lost"] == {("traces", "unreachable"): 5, ("logs", "unreachable"): 5}
    assert counts(export)["failed"] == {("traces", "unreachable"): 1, ("logs", "unreachable"): 1}


def test_a_collector_that_hangs_fills_a_bounded_queue_and_every_call_is_accounted_for() -> None:
    with otlp_over_http() as receiver:
        receiver.held.clear()
        small = Batching(queue=10, batch=5, delay=0.01)
        export = Export(exporting(receiver.endpoint, spans=small, records=small, metrics=None))
        export.start()
        for number in range(100):
            export.closed(make_call(id=str(number)), None)
        receiver.wait_for(lambda: receiver.asked >= 2)
        export.close(seconds=0.5)
        lost = counts(export)["lost"]
        taken_up = {
            signal: 100 - sum(n for (s, _), n in lost.items() if s == signal) for signal in ("traces", "logs")
        }
        assert all(0 < number <= 5 for number in taken_up.values()), "only what is with the collector is open"
        assert {reason for _, reason in lost} == {"queue_full", "shutdown"}


def test_a_collector_that_comes_back_gets_what_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokentape.proxy.telemetry.otel.sending.WAITS", (0.01,) * 50)
    receiver = Receiver()
    with otlp_over_http(receiver=receiver):
        receiver.replies += [Reply(503)] * 5
        export = Export(exporting(receiver.endpoint, metrics=None))
        export.start()
        for number in range(20):
            export.closed(make_call(id=str(number)), None)
        receiver.spans(20)
        receiver.records(20)
        export.close()
    assert counts(export)["lost"] == {}
    assert sum(counts(export)["failed"].values()) == 5


def test_a_batch_that_is_too_large_for_the_collector_arrives_in_parts() -> None:
    with otlp_over_http() as receiver:
        receiver.replies += [Reply(413), Reply(413)]
        export = Export(exporting(receiver.endpoint, metrics=None, logs=None))
        for number in range(8):
            export.closed(make_call(id=str(number)), None)
        export.start()
        sizes = [len(receiver.spans(8))]
        sizes += [len(otlp.spans(body)) for body in receiver.bodies("traces")]
        export.close()
    assert sizes == [8, 2, 2, 4]
    assert counts(export) == {
        "sent": {("traces",): 8},
        "lost": {},
        "failed": {("traces", "too_large"): 2},
    }


def test_a_call_that_cannot_be_written_costs_itself_alone(caplog: pytest.LogCaptureFixture) -> None:
    with otlp_over_http() as receiver:
        export = Export(exporting(receiver.endpoint, metrics=None))
        export.start()
        broken = make_call(id="broken", started_at="yesterday")
        for call in (make_call(id="a"), broken, make_call(id="b")):
            export.closed(call, None)
        export.close()
        sent = [otlp.attributes(span.attributes)["tokentape.call.id"] for span in receiver.spans()]
    assert sent == ["a", "b"]
    assert counts(export)["lost"] == {("traces", "failed"): 1, ("logs", "failed"): 1}
    assert "could not be written" in caplog.text


def test_the_end_waits_for_no_more_and_sends_what_has_come() -> None:
    patient, registry = Batching(delay=3600), CollectorRegistry()
    PrometheusSink(registry)
    with otlp_over_http() as receiver:
        export = Export(exporting(receiver.endpoint, spans=patient, records=patient, metric_interval=3600))
        export.send_metrics(registry, (), begun=0)
        export.start()
        export.closed(make_call(), None)
        export.close()
        assert (len(receiver.spans()), len(receiver.records())) == (1, 1)
        assert receiver.metrics()
