"""The metrics as a real Prometheus sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from tests.support.calls import STARTED, make_call, make_open_call, varied_calls
from tests.support.metrics import series
from tests.support.prometheus import Prometheus, run_prometheus, until

from tokentape.proxy.catalogue import CATALOGUE
from tokentape.proxy.messages.call import Trace, Usage
from tokentape.proxy.telemetry.admin import AdminServer
from tokentape.proxy.telemetry.examples import EXAMPLES
from tokentape.proxy.telemetry.prometheus import PrometheusSink

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "claude-sonnet-4-5"


class Scraped:
    """A sink whose admin server two jobs of a Prometheus scrape."""

    def __init__(self, registry: CollectorRegistry, sink: PrometheusSink, prometheus: Prometheus) -> None:
        self.registry = registry
        self.sink = sink
        self.prometheus = prometheus

    def wait_for_scrapes(self, job: str, more: int = 2) -> None:
        """Wait until a job has scraped so often again."""
        count = f'count_over_time(up{{job="{job}"}}[1h])'
        before = self.prometheus.value(count) or 0
        until(
            f"{job} has scraped {more} times more",
            lambda: (self.prometheus.value(count) or 0) >= before + more,
        )


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry, clock=lambda: STARTED)
    admin = AdminServer(registry, port=0)
    admin.start()
    jobs = {"first": admin.port, "second": admin.port}
    with run_prometheus(tmp_path_factory.mktemp("prometheus"), jobs) as prometheus:
        both = Scraped(registry, sink, prometheus)
        both.wait_for_scrapes("first")
        both.wait_for_scrapes("second")
        yield both
    admin.stop()


def test_totals_are_exact(scraped: Scraped) -> None:
    calls = varied_calls("claude-opus-4-8", "totals") * 3
    for call in calls:
        scraped.sink.opened(make_open_call(call))
        scraped.sink.closed(call)
    tokens = 'tokentape_tokens_total{job="first", project="totals"}'
    scraped.prometheus.until_value(f"sum({tokens})", 3 * (7 + 1900 + 40_000 + 3_000 + 2 * 120))
    assert {m["kind"]: value for m, value in scraped.prometheus.query(tokens)} == {
        "input": 3 * (7 + 2 * 100),
        "cache_read": 3 * 40_000,
        "cache_write_5m": 3 * 1_000,
        "cache_write_1h": 3 * 2_000,
        "output": 3 * (1900 + 2 * 20),
    }
    requests = 'tokentape_requests_total{job="first", project="totals"}'
    scraped.prometheus.until_value(f"sum({requests})", 15)
    assert {(m["status"], m["outcome"], m["stream"]): n for m, n in scraped.prometheus.query(requests)} == {
        ("200", "ok", "true"): 3,
        ("200", "ok", "false"): 6,
        ("429", "api_error", "false"): 3,
        ("200", "client_abort", "true"): 3,
    }
    times = 'tokentape_time_to_first_token_seconds_bucket{job="first", project="totals", kind="any"}'
    assert scraped.prometheus.value(f"histogram_quantile(1, {times})") == 1.28


@pytest.mark.parametrize("job", ["first", "second"])
def test_increase_loses_nothing_of_a_set_first_seen_in_mid_run_for_either_scraper(
    scraped: Scraped, job: str
) -> None:
    project = f"late-{job}"
    for _ in range(7):
        scraped.sink.closed(make_call(project=project, usage=Usage(input_tokens=5, output_tokens=3)))
    labels = f'job="{job}", model="{MODEL}", project="{project}"'
    output = f'tokentape_tokens_total{{{labels}, kind="output"}}'
    scraped.prometheus.until_value(output, 21)
    scraped.sink.closed(make_call(project=project, usage=Usage(input_tokens=5, output_tokens=3)))
    scraped.prometheus.until_value(output, 24)
    assert scraped.prometheus.exact_increase(output) == 24
    assert scraped.prometheus.exact_increase(f'tokentape_tokens_total{{{labels}, kind="input"}}') == 40
    durations = f'tokentape_request_duration_seconds_count{{{labels}, stream="false"}}'
    assert scraped.prometheus.exact_increase(durations) == 8


def test_increase_loses_nothing_of_a_set_that_opened_first(scraped: Scraped) -> None:
    call = make_call(project="opened")
    scraped.sink.opened(make_open_call(call))
    output = f'tokentape_tokens_total{{job="first", model="{MODEL}", project="opened", kind="output"}}'
    scraped.prometheus.until_value(output, 0)
    scraped.sink.closed(call)
    scraped.prometheus.until_value(output, 20)
    assert scraped.prometheus.exact_increase(output) == 20


def test_exemplars_lead_to_trace_and_request(scraped: Scraped) -> None:
    trace = Trace(trace_id="4bf92f3577b34da6a3ce929d0e0e4736", span_id="00f067aa0ba902b7", sampled=True)
    call = make_call(project="exemplary", trace=trace, request_id="req_011CSHoEeqs5C35K2UUqR7Fy")
    scraped.sink.opened(make_open_call(call))
    scraped.sink.closed(call)
    selector = 'tokentape_request_duration_seconds_bucket{job="first", project="exemplary"}'

    def found() -> list[dict[str, object]]:
        span = {"start": STARTED - 60, "end": STARTED + 60}
        answer = scraped.prometheus.api("query_exemplars", query=selector, **span)
        return [exemplar for series in answer for exemplar in series["exemplars"]]

    assert until("the exemplar has arrived", found) == [
        {
            "labels": {
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
            },
            "value": "2",
            "timestamp": STARTED + 2,
        }
    ]


def test_every_metric_has_its_type_help_and_unit(scraped: Scraped) -> None:
    scraped.wait_for_scrapes("first")
    known = {
        entry["metric"]: (entry["type"], entry["help"], entry["unit"])
        for entry in scraped.prometheus.api("targets/metadata", match_target='{job="first"}')
    }
    assert known == {
        metric.family: (metric.type, metric.help, metric.unit)
        for metric in CATALOGUE
        if not metric.needs_bill
    }


@pytest.mark.parametrize(("question", "query"), [example for group in EXAMPLES.values() for example in group])
def test_every_example_query_runs(scraped: Scraped, question: str, query: str) -> None:
    assert question
    scraped.prometheus.query(query)


def test_the_whole_registry_arrives(scraped: Scraped) -> None:
    for call in varied_calls("claude-opus-4-8", "whole"):
        scraped.sink.closed(call)
    name = "tokentape_tool_calls_total"
    expected = series(scraped.registry, name, "model", "project", "tool")

    def arrived() -> bool:
        found = scraped.prometheus.query(f'{name}{{job="second"}}')
        return {(m["model"], m["project"], m["tool"]): value for m, value in found} == expected

    until("all tools have arrived", arrived)
    samples = scraped.prometheus.value('scrape_samples_scraped{job="second"}')
    assert samples is not None
    assert 500 < samples < 20_000
