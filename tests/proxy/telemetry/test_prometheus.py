from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from tests.support.calls import make_call, make_open_call, varied_calls
from tests.support.metrics import series, total

from tokentape.proxy.messages.call import Iteration, OpenCall, RequestFacts, Usage
from tokentape.proxy.pricing.bill import Bill, LineItem, LineKind, Status
from tokentape.proxy.telemetry.exposition import View, exposition
from tokentape.proxy.telemetry.prometheus import PrometheusSink
from tokentape.proxy.telemetry.sets import tick

if TYPE_CHECKING:
    from tokentape.proxy.observer.sinks import CallSink, WorkerSink


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_it_is_a_sink_of_calls_and_of_workers(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry)
    calls: CallSink = sink
    workers: WorkerSink = sink
    assert calls.name == workers.name == "prometheus"


def test_counters_of_the_given_models_are_at_zero_from_the_start(registry: CollectorRegistry) -> None:
    PrometheusSink(registry, models=["claude-haiku-4-5"])
    assert series(registry, "tokentape_tokens_total", "model", "project", "kind") == {
        ("claude-haiku-4-5", "default", kind): 0
        for kind in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
    }
    assert series(registry, "tokentape_thinking_tokens_total", "model") == {("claude-haiku-4-5",): 0}


def test_a_request_that_opens_brings_its_counters_at_zero(registry: CollectorRegistry) -> None:
    PrometheusSink(registry).opened(make_open_call(make_call(project="checkout")))
    assert series(registry, "tokentape_requests_total", "project", "status", "outcome", "stream") == {
        ("checkout", "200", "ok", "false"): 0,
        ("checkout", "200", "ok", "true"): 0,
    }
    assert len(series(registry, "tokentape_tokens_total", "project", "kind")) == 5


def test_a_request_without_a_model_brings_no_token_counters(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry)
    sink.opened(OpenCall(id="1", endpoint="/v1/files", model="none", project="default", labels={}))
    assert series(registry, "tokentape_requests_total", "endpoint", "model", "stream") == {
        ("/v1/files", "none", "false"): 0
    }
    assert series(registry, "tokentape_tokens_total", "kind") == {}


def test_a_ledger_can_bring_back_the_sets_it_knows(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry, metric_labels=("project", "team"))
    sink.prepare("m", {"project": "checkout", "team": "search"})
    sink.prepare("m")
    assert set(series(registry, "tokentape_thinking_tokens_total", "project", "team")) == {
        ("checkout", "search"),
        ("default", "none"),
    }


def test_metric_labels_are_taken_from_the_call(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry, metric_labels=("team", "project", "cost-center"))
    sink.closed(make_call(project="checkout", labels={"project": "checkout", "team": "search"}))
    assert series(registry, "tokentape_stop_reasons_total", "team", "project", "cost_center") == {
        ("search", "checkout", "none"): 1
    }


def test_without_metric_labels_only_the_model_is_left(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry, metric_labels=())
    sink.closed(make_call(project="checkout"))
    (sample,) = [s for m in registry.collect() for s in m.samples if s.name == "tokentape_stop_reasons_total"]
    assert sample.labels == {"model": "claude-sonnet-4-5", "stop_reason": "end_turn"}


def test_projects_beyond_the_bound_are_other_and_the_default_does_not_count(
    registry: CollectorRegistry,
) -> None:
    sink = PrometheusSink(registry, max_label_values=2)
    for project in ("default", "a", "b", "c", "d", "a"):
        sink.closed(make_call(project=project))
    assert series(registry, "tokentape_stop_reasons_total", "project") == {
        ("default",): 1,
        ("a",): 2,
        ("b",): 1,
        ("other",): 2,
    }


def test_models_beyond_fifty_are_other(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry)
    for number in range(60):
        sink.closed(make_call(model=f"model-{number}"))
    requests = series(registry, "tokentape_stop_reasons_total", "model")
    assert (len(requests), requests["other",]) == (51, 10)
    assert len(series(registry, "tokentape_time_to_headers_seconds_count", "model")) == 51


def test_a_substitution_is_another_model_not_another_spelling(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry)
    for asked, served in [
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
        ("claude-opus-4-8[1m]", "claude-opus-4-8"),
        (None, "claude-opus-4-8"),
        ("claude-opus-4-8", None),
        ("claude-opus-4-8", "claude-sonnet-4-5-20250929"),
    ]:
        sink.closed(make_call(model_asked=asked, model_served=served))
    assert series(registry, "tokentape_model_substitutions_total", "asked", "served") == {
        ("claude-opus-4-8", "claude-sonnet-4-5"): 1
    }


def test_tokens_that_the_usage_leaves_out_are_counted_under_the_model_that_spent_them(
    registry: CollectorRegistry,
) -> None:
    usage = Usage(
        input_tokens=100,
        output_tokens=10,
        iterations=(
            Iteration(type="message", input_tokens=100, output_tokens=10),
            Iteration(type="compaction", input_tokens=7000, output_tokens=500),
            Iteration(
                type="advisor_message",
                model="claude-opus-4-8-20260101",
                input_tokens=30,
                output_tokens=3,
                cache_read_input_tokens=5,
                cache_creation_input_tokens=9,
                ephemeral_5m_input_tokens=2,
                ephemeral_1h_input_tokens=7,
            ),
        ),
    )
    PrometheusSink(registry).closed(make_call(project="checkout", usage=usage))
    counted = series(registry, "tokentape_tokens_total", "model", "project", "kind")
    assert counted == {
        ("claude-sonnet-4-5", "checkout", "input"): 7100,
        ("claude-sonnet-4-5", "checkout", "output"): 510,
        ("claude-opus-4-8", "checkout", "input"): 30,
        ("claude-opus-4-8", "checkout", "output"): 3,
        ("claude-opus-4-8", "checkout", "cache_read"): 5,
        ("claude-opus-4-8", "checkout", "cache_write_5m"): 2,
        ("claude-opus-4-8", "checkout", "cache_write_1h"): 7,
    }


@pytest.mark.parametrize(
    ("ttls", "expected"),
    [((), "cache_write_5m"), (("1h",), "cache_write_1h"), (("1h", "5m"), "cache_write_5m")],
)
def test_writes_of_an_iteration_without_a_split_are_at_the_requests_ttl(
    registry: CollectorRegistry, ttls: tuple[str, ...], expected: str
) -> None:
    usage = Usage(iterations=(Iteration(type="compaction", cache_creation_input_tokens=9),))
    PrometheusSink(registry).closed(make_call(usage=usage, request=RequestFacts(cache_ttls=ttls)))
    assert series(registry, "tokentape_tokens_total", "kind") == {(expected,): 9}


def test_what_could_not_be_read_or_is_not_known_is_counted(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry)
    for _ in range(2):
        sink.closed(make_call(parse_errors=("decoding",), unknown=("event:new", "usage:newer")))
    assert series(registry, "tokentape_parse_errors_total", "reason") == {("decoding",): 2}
    assert series(registry, "tokentape_unknown_events_total", "event") == {
        ("event:new",): 2,
        ("usage:newer",): 2,
    }


def test_errors_of_sinks_are_read_where_they_are_counted(registry: CollectorRegistry) -> None:
    errors: dict[str, int] = {}
    PrometheusSink(registry).watch_errors(errors, ["console", "ledger"])
    errors |= {"ledger": 3, "dialect": 1}
    assert series(registry, "tokentape_sink_errors_total", "sink") == {
        ("console",): 0,
        ("ledger",): 3,
        ("dialect",): 1,
    }


def test_added_latency_is_there_before_there_is_any(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry)
    sink.added_latency("request", 0.00002)
    counts = series(registry, "tokentape_added_latency_seconds_count", "direction")
    assert counts == {("request",): 1, ("response",): 0}


MODELS = [f"claude-model-{number}" for number in range(8)]
CURRENT = [f"claude-current-{number}" for number in range(20)]
PROJECTS = [f"project-{number}" for number in range(20)]


@pytest.mark.parametrize("by_model", [True, False])
def test_eight_models_in_twenty_projects_stay_within_20000_lines_and_keep_their_own_numbers(
    registry: CollectorRegistry, *, by_model: bool
) -> None:
    sink = PrometheusSink(registry, bill=True, models=CURRENT)
    for model in CURRENT:
        price_something(sink, model, "default")
    pairs = (
        [(m, p) for m in MODELS for p in PROJECTS] if by_model else [(m, p) for p in PROJECTS for m in MODELS]
    )
    for model, project in pairs:
        price_something(sink, model, project)
        for call in varied_calls(model, project):
            sink.opened(make_open_call(call))
            sink.closed(call)
    now = tick()
    assert exposition(registry, View(openmetrics=True, now=now, seen=now)).count(b"\n") <= 20_000
    requests = series(registry, "tokentape_requests_total", "model", "project", "status", "outcome", "stream")
    assert {requests[m, p, "429", "api_error", "false"] for m, p in pairs} == {1}
    tokens = series(registry, "tokentape_tokens_total", "model", "project", "kind")
    assert {tokens[m, p, "cache_write_1h"] for m, p in pairs} == {2000}
    cost = series(registry, "tokentape_cost_usd_total", "model", "project", "kind")
    assert {cost[m, p, "output"] for m, p in pairs} == {1}
    # Details may lose their project for want of lines, but nothing is lost from the sums.
    assert total(registry, "tokentape_request_input_tokens_count") == 3 * len(pairs)
    assert total(registry, "tokentape_tool_calls_total") == 6 * len(pairs)
    assert total(registry, "tokentape_label_overflows_total", label="scrape_lines") > 0


def price_something(sink: PrometheusSink, model: str, project: str) -> None:
    """The sets that a bill would bring."""
    amounts = sink.instruments.amounts
    for kind in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "web_search", "other"):
        amounts("tokentape_cost_usd_total").at(model, project, kind).value += 1
    for status in ("exact", "estimated", "unpriced"):
        amounts("tokentape_priced_calls_total").at(model, project, status).value += 1
    amounts("tokentape_cache_savings_usd_total").at(model, project).value -= 1
    amounts("tokentape_wasted_usd_total").at(model, project, "retry").value += 1
    sink.instruments.distributions("tokentape_request_cost_usd").at(model, project).observe(0.01)


def test_no_flood_of_labels_makes_a_scrape_longer_than_its_bound(registry: CollectorRegistry) -> None:
    sink = PrometheusSink(registry, metric_labels=("project", "team", "app"), max_lines=3_000)
    for number in range(3_000):
        labels = {"team": f"team-{number % 31}", "app": f"app-{number % 37}"}
        model, project = f"model-{number % 70}", f"project-{number % 29}"
        sink.closed(
            make_call(model=model, project=project, labels=labels, stop_reason=f"reason-{number % 41}")
        )
    now = tick()
    assert exposition(registry, View(openmetrics=True, now=now, seen=now)).count(b"\n") <= 3_000
    assert total(registry, "tokentape_requests_total") == 3_000
    assert total(registry, "tokentape_tokens_total", kind="input") == 300_000


def bill(total: str, *, savings: str = "0", subscription: bool = False) -> Bill:
    items = (
        LineItem(kind=LineKind.INPUT, model="claude-opus-4-5", quantity=30, usd=Decimal(total)),
        LineItem(kind=LineKind.WEB_SEARCH, model="claude-opus-4-5", quantity=1, usd=Decimal(0)),
    )
    return Bill(
        status=Status.EXACT,
        total=Decimal(total),
        items=items,
        savings=Decimal(savings),
        subscription=subscription,
    )


def priced_sink(registry: CollectorRegistry) -> PrometheusSink:
    return PrometheusSink(registry, bill=True)


def test_what_the_cache_saves_and_costs_are_two_counters_that_never_fall(registry: CollectorRegistry) -> None:
    sink = priced_sink(registry)
    for savings in ("0.5", "-0.125", "0", "0.25", "-0.125"):
        sink.closed(make_call(), bill("1", savings=savings))
    assert series(registry, "tokentape_cache_effect_usd_total", "effect") == {
        ("cheaper",): 0.75,
        ("dearer",): 0.25,
    }
    assert total(registry, "tokentape_cache_savings_usd_total") == 0.5


@pytest.mark.parametrize(
    ("stop_reason", "output", "subscription", "counted"),
    [
        ("end_turn", 200, False, True),
        ("end_turn", 201, False, False),
        ("end_turn", None, False, False),
        ("tool_use", 10, False, False),
        ("max_tokens", 10, False, False),
        ("end_turn", 10, True, False),
    ],
)
def test_short_answers_are_those_that_ended_their_turn_in_few_tokens_for_money(
    registry: CollectorRegistry, stop_reason: str, output: int | None, *, subscription: bool, counted: bool
) -> None:
    sink = priced_sink(registry)
    usage = Usage(input_tokens=30, output_tokens=output)
    sink.closed(make_call(usage=usage, stop_reason=stop_reason), bill("2", subscription=subscription))
    assert total(registry, "tokentape_short_answer_usd_total") == (2 if counted else 0)
    tokens = series(registry, "tokentape_short_answer_tokens_total", "kind")
    assert tokens == ({("input",): 30} if counted else {})
