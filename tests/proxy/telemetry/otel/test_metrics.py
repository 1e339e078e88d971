from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry
from tests.support import otlp
from tests.support.calls import make_call, varied_calls
from tests.support.full_call import BILL, TRACE_ID, full_call
from tests.support.metrics import total

from tokentape.proxy.catalogue import BY_NAME, CATALOGUE
from tokentape.proxy.telemetry.otel.config import Exporting
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.metrics import MetricReader
from tokentape.proxy.telemetry.otel.resource import Envelope
from tokentape.proxy.telemetry.prometheus import PrometheusSink

if TYPE_CHECKING:
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

    from tokentape.proxy.telemetry.otel.values import Value

BEGUN = 1_789_000_000.0
NOW = BEGUN + 100
SERVER: dict[str, Value] = {"server.address": "api.anthropic.com", "server.port": 443}


class Exported:
    """A registry, and how it is read."""

    def __init__(self, *, labels: tuple[str, ...] = ("project",), **exporting: Any) -> None:
        self.registry = CollectorRegistry()
        self.sink = PrometheusSink(self.registry, metric_labels=labels, bill=True, clock=lambda: BEGUN)
        self.reader = MetricReader(
            self.registry,
            Exporting(**exporting),
            metric_labels=self.sink.instruments.metric_labels,
            server=SERVER,
            begun=BEGUN,
        )

    def read(self, now: float = NOW) -> dict[str, Metric]:
        reading = self.reader.read(now)
        metrics = otlp.metrics(Envelope({}, "").request(reading.messages))
        assert [len(points_of(metric)) for metric in metrics.values()] == reading.points
        return metrics


def points_of(metric: Metric) -> list[Any]:
    return list(getattr(metric, metric.WhichOneof("data") or "").data_points)


def values(metric: Metric) -> dict[tuple[tuple[str, Any], ...], Any]:
    """Numbers, or counts of histograms, by attributes."""
    found: dict[tuple[tuple[str, Any], ...], Any] = {}
    for point in points_of(metric):
        key = tuple(sorted(otlp.attributes(point.attributes).items()))
        assert key not in found
        found[key] = getattr(point, point.WhichOneof("value")) if hasattr(point, "as_int") else point.count
    return found


def summed(metric: Metric, **wanted: Any) -> float:
    """The sum over all points that have these attributes, with `__` for a dot."""
    need = {(name.replace("__", "."), value) for name, value in wanted.items()}
    return float(sum(value for key, value in values(metric).items() if need <= set(key)))


def test_plain_names_have_the_very_samples_of_the_registry() -> None:
    exported = Exported(metric_names="tokentape")
    for call in [*varied_calls("claude-opus-4-5", "checkout"), full_call()]:
        exported.sink.closed(call, BILL)
    metrics = exported.read()
    for metric in CATALOGUE:
        if metric.name.startswith("tokentape_observer_"):
            continue  # These change between two readings.
        if metric.name not in metrics:
            assert not [s for f in exported.registry.collect() if f.name == metric.family for s in f.samples]
            continue
        sent = metrics[metric.name]
        if metric.buckets:
            samples = {s.name: s for s in _samples(exported.registry, metric.family)}
            assert f"{metric.name}_bucket" in samples
            assert summed(sent) == total(exported.registry, f"{metric.name}_count")
            assert sum(p.sum for p in points_of(sent)) == pytest.approx(
                total(exported.registry, f"{metric.name}_sum")
            )
            assert [list(p.explicit_bounds) for p in points_of(sent)] == [list(metric.buckets)] * len(
                points_of(sent)
            )
        else:
            labelled = {
                tuple(sorted(s.labels.items())): s.value
                for s in _samples(exported.registry, metric.family)
                if s.name == metric.name
            }
            assert values(sent) == pytest.approx(labelled)


def _samples(registry: CollectorRegistry, family: str) -> list[Any]:
    return [sample for metric in registry.collect() if metric.name == family for sample in metric.samples]


def test_kinds_of_metrics_are_those_of_otlp() -> None:
    exported = Exported(metric_names="tokentape")
    exported.sink.closed(full_call(), BILL)
    metrics = exported.read()
    tokens, savings = metrics["tokentape_tokens_total"], metrics["tokentape_cache_savings_usd_total"]
    assert (tokens.sum.is_monotonic, tokens.sum.aggregation_temporality) == (True, 2)
    assert tokens.unit == "{token}"
    assert tokens.description == BY_NAME["tokentape_tokens_total"].help
    assert savings.WhichOneof("data") == "gauge", "it may fall"
    (point, *_) = points_of(tokens)
    assert point.WhichOneof("value") == "as_int"
    assert (point.start_time_unix_nano, point.time_unix_nano) == (int(BEGUN) * 10**9, int(NOW) * 10**9)
    assert points_of(metrics["tokentape_cost_usd_total"])[0].WhichOneof("value") == "as_double"


CHAT = (
    ("gen_ai.operation.name", "chat"),
    ("gen_ai.provider.name", "anthropic"),
    ("gen_ai.response.model", "claude-sonnet-4-5"),
)
AT = (("server.address", "api.anthropic.com"), ("server.port", 443))


def test_the_conventions_metrics_have_their_names_and_attributes() -> None:
    exported = Exported()
    exported.sink.closed(make_call(stream=True, project="checkout", timings=full_call().timings), BILL)
    metrics = exported.read()
    project = ("tokentape.project", "checkout")
    usage = metrics["gen_ai.client.token.usage"]
    assert values(usage) == {
        (*CHAT, ("gen_ai.token.type", kind), *AT, project): 1 for kind in ("input", "output")
    }
    assert {point.sum for point in points_of(usage)} == {100, 20}
    duration = metrics["gen_ai.client.operation.duration"]
    assert values(duration) == {
        (
            *CHAT[:2],
            ("gen_ai.request.stream", True),
            CHAT[2],
            ("http.route", "/v1/messages"),
            *AT,
            project,
        ): 1
    }
    assert (duration.unit, points_of(duration)[0].sum) == ("s", 2.0)
    assert max(points_of(duration)[0].explicit_bounds) == 655.36
    first = metrics["gen_ai.client.operation.time_to_first_chunk"]
    assert values(first) == {(*CHAT, *AT, project): 1}
    others = metrics["tokentape.time_to_first_token"]
    assert values(others) == {
        (CHAT[2], ("tokentape.kind", kind), project): 1 for kind in ("text", "thinking")
    }


def test_what_is_no_inference_is_not_among_the_conventions_durations() -> None:
    exported = Exported()
    exported.sink.closed(make_call(endpoint="/v1/models", method="GET"), None)
    exported.sink.closed(make_call(endpoint="/v1/messages/count_tokens"), None)
    metrics = exported.read()
    assert summed(metrics["gen_ai.client.operation.duration"]) == 1
    assert summed(metrics["gen_ai.client.operation.duration"], gen_ai__operation__name="count_tokens") == 1
    assert summed(metrics["tokentape.request_duration"], http__route="/v1/models") == 1


def test_everything_else_is_dotted_with_attributes_as_on_spans() -> None:
    exported = Exported(labels=("project", "team"))
    exported.sink.closed(full_call(), BILL)
    metrics = exported.read()
    requests = [key for key, value in values(metrics["tokentape.requests"]).items() if value]
    assert [dict(key) for key in requests] == [
        {
            "http.route": "/v1/messages",
            "gen_ai.response.model": "claude-sonnet-4-5",
            "tokentape.project": "checkout",
            "tokentape.label.team": "search",
            "http.response.status_code": 200,
            "tokentape.outcome": "stream_error",
            "gen_ai.request.stream": True,
        }
    ]
    assert summed(metrics["tokentape.errors"], error__type="overloaded_error") == 1
    assert summed(metrics["tokentape.cost_usd"], tokentape__kind="output") == 0.00285
    assert metrics["tokentape.cost_usd"].unit == "{USD}"


def test_a_status_that_is_none_is_no_attribute() -> None:
    exported = Exported()
    exported.sink.closed(make_call(status=None), None)
    (key,) = [key for key, value in values(exported.read()["tokentape.requests"]).items() if value]
    assert "http.response.status_code" not in dict(key)


def test_the_latest_edition_counts_usage_with_cached_tokens_in_the_input() -> None:
    exported = Exported(edition=Edition.LATEST)
    exported.sink.closed(full_call(), BILL)
    metrics = exported.read()
    usage = {
        name.removeprefix("gen_ai.client.inference.usage."): summed(metric)
        for name, metric in metrics.items()
        if name.startswith("gen_ai.client.inference.usage.")
    }
    assert usage == {
        "input_tokens": 4037,
        "cache_read.input_tokens": 4000,
        "cache_write.input_tokens": 30,
        "output_tokens": 190,
        "reasoning.output_tokens": 30,
    }
    assert {name for name in metrics if name.startswith("gen_ai.") and ".usage." not in name} == {
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
    }
    assert summed(metrics["tokentape.tokens"], tokentape__kind="input") == 7


@pytest.mark.parametrize("edition", Edition)
def test_no_name_of_a_metric_stands_for_two_kinds_or_units(edition: Edition) -> None:
    exported = Exported(edition=edition)
    for call in varied_calls("claude-opus-4-5", "checkout"):
        exported.sink.closed(call, BILL)
    assert exported.read()  # `otlp.metrics` refuses a name that comes twice


def test_cumulative_figures_are_the_same_each_time() -> None:
    exported = Exported()
    for now in (NOW, NOW + 60):
        exported.sink.closed(make_call(), BILL)
        tokens = exported.read(now)["tokentape.tokens"]
        exported.reader.taken()
        expected = 100 * (1 if now == NOW else 2)
        assert summed(tokens, tokentape__kind="input") == expected
        assert points_of(tokens)[0].start_time_unix_nano == int(BEGUN) * 10**9


def test_deltas_are_what_came_since_the_last_reading_that_was_taken() -> None:
    exported = Exported(temporality="delta")
    seen: list[tuple[float, float, float]] = []
    for number, taken in enumerate((True, False, True, True)):
        if number < 3:
            exported.sink.closed(make_call(), BILL)
        metrics = exported.read(NOW + 60 * number)
        tokens, durations = metrics["tokentape.tokens"], metrics["gen_ai.client.operation.duration"]
        assert (tokens.sum.aggregation_temporality, durations.histogram.aggregation_temporality) == (1, 1)
        begun = points_of(tokens)[0].start_time_unix_nano / 10**9
        seen.append((begun, summed(tokens, tokentape__kind="input"), summed(durations)))
        if taken:
            exported.reader.taken()
    assert seen == [
        (BEGUN, 100, 1),
        (NOW, 100, 1),
        (NOW, 200, 2),
        (NOW + 120, 0, 0),
    ]


def test_an_exemplar_leads_to_the_trace_and_the_request_and_is_sent_once() -> None:
    exported = Exported()
    exported.sink.closed(full_call(ended_at=NOW - 1), BILL)
    (point,) = points_of(exported.read()["gen_ai.client.operation.duration"])
    (exemplar,) = point.exemplars
    assert exemplar.trace_id.hex() == TRACE_ID
    assert (exemplar.as_double, exemplar.time_unix_nano) == (2.0, int(NOW - 1) * 10**9)
    assert otlp.attributes(exemplar.filtered_attributes) == {"anthropic.request.id": "req_1"}
    exported.reader.taken()
    (point,) = points_of(exported.read(NOW + 60)["gen_ai.client.operation.duration"])
    assert list(point.exemplars) == []


def test_exemplars_can_be_left_out() -> None:
    exported = Exported(exemplars=False)
    exported.sink.closed(full_call(ended_at=NOW - 1), BILL)
    (point,) = points_of(exported.read()["gen_ai.client.operation.duration"])
    assert list(point.exemplars) == []
