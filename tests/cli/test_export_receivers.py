"""What real receivers make of it: Phoenix of spans, VictoriaMetrics of metrics."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from tests.support.components import wait_until
from tests.support.phoenix import Phoenix, running_phoenix
from tests.support.proxy import clean_environment, running_proxy
from tests.support.traced_sdk import traced_sdk
from tests.support.upstream import MODEL, Client, held_upstream, standin_process
from tests.support.victoria_metrics import VictoriaMetrics, running_victoria_metrics

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.support.proxy import Metrics, RunningProxy

pytestmark = pytest.mark.slow

SPANS_ONLY = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_BSP_SCHEDULE_DELAY": "100"}
COUNTS = {
    "gen_ai.usage.input_tokens": "llm.token_count.prompt",
    "gen_ai.usage.output_tokens": "llm.token_count.completion",
    "gen_ai.usage.cache_read.input_tokens": "llm.token_count.prompt_details.cache_read",
    "gen_ai.usage.cache_creation.input_tokens": "llm.token_count.prompt_details.cache_write",
}
"""What Phoenix calls our token counts."""


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Generator[Phoenix]:
    with running_phoenix(tmp_path_factory.mktemp("phoenix")) as running:
        yield running


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Generator[VictoriaMetrics]:
    with running_victoria_metrics(tmp_path_factory.mktemp("victoria")) as running:
        yield running


def in_project(name: str, **more: str) -> dict[str, str]:
    """An environment in which spans go to this project of Phoenix."""
    resource = {"OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={name}"}
    return clean_environment(**SPANS_ONLY, **resource, **more)


def spans_of(phoenix: Phoenix, project: str, count: int) -> list[dict[str, Any]]:
    wait_until(f"Phoenix has {count} spans", lambda: len(phoenix.spans(project)) >= count)
    return phoenix.spans(project)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_phoenix_shows_the_demos_calls_as_those_of_a_language_model_with_our_counts(
    protocol: str, phoenix: Phoenix, tmp_path: Path
) -> None:
    log = tmp_path / "calls.jsonl"
    project = f"demo-{protocol.partition('/')[0]}"
    endpoint = phoenix.url if protocol == "http/protobuf" else phoenix.grpc
    options = ("--otlp", endpoint, "--otlp-protocol", protocol, "--request-log", str(log))
    command = [sys.executable, "-m", "tokentape.cli.main", "demo", "--once", *options]
    subprocess.run(command, check=True, env=in_project(project), capture_output=True)
    ours = {line["span_id"]: line for line in map(json.loads, log.read_text().splitlines())}
    shown = {span["context"]["span_id"]: span for span in spans_of(phoenix, project, len(ours))}
    assert shown.keys() == ours.keys()
    chats = {span for span, line in ours.items() if line.get("gen_ai.operation.name") == "chat"}
    assert {span for span, what in shown.items() if what["span_kind"] == "LLM"} == chats
    assert len(chats) > 20
    for span in chats:
        wanted = {theirs: ours[span][name] for name, theirs in COUNTS.items() if name in ours[span]}
        said = shown[span]["attributes"]
        assert {name: said.get(name) for name in wanted} == wanted
        assert said["llm.provider"] == "anthropic"
        assert said["llm.model_name"] == ours[span]["gen_ai.request.model"]
    total = {name: sum(line.get(name, 0) for line in ours.values()) for name in COUNTS}
    assert min(total.values()) > 0, "the demo reads and writes the cache, too"
    failed = {span for span, line in ours.items() if "error.type" in line}
    assert {span for span, what in shown.items() if what["status_code"] == "ERROR"} == failed


def test_phoenix_shows_our_spans_under_the_sdks_with_the_conversation_where_it_was_asked_for(
    phoenix: Phoenix,
) -> None:
    environment = in_project("default")
    del environment["OTEL_RESOURCE_ATTRIBUTES"]
    options = ("--otlp", phoenix.url, "--capture-content", "spans")
    exporter = OTLPSpanExporter(f"{phoenix.url}/v1/traces")
    with (
        held_upstream() as upstream,
        running_proxy(upstream.url, *options, environment=environment) as proxy,
        traced_sdk(proxy.base_url, exporter) as sdk,
    ):
        sdk.client.messages.create(
            model=MODEL, max_tokens=64, system="Be brief.", messages=[{"role": "user", "content": "Hi there"}]
        )
    theirs, ours = sorted(spans_of(phoenix, "default", 2), key=lambda span: span["name"])
    assert (theirs["name"], ours["name"]) == ("anthropic.messages.create", f"chat {MODEL}")
    assert theirs["context"]["trace_id"] == ours["context"]["trace_id"]
    assert ours["parent_id"] == theirs["context"]["span_id"]
    said = ours["attributes"]
    shown = {name: value for name, value in said.items() if name.startswith(("llm.input", "llm.output"))}
    assert shown == {
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "Be brief.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": "Hi there",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Hello",
        "llm.output_messages.0.message.finish_reason": "stop",
    }


def pushed(proxy: RunningProxy) -> None:
    """Some calls: unary, streamed, in two projects, one that fails."""
    steer = json.dumps({"fault": "overloaded:times=1,retry_after_ms=1", "id": "pushed"})
    for project in ("checkout", "search"):
        with traced_sdk(f"{proxy.base_url}/@project={project}") as sdk:
            for stream in (False, True):
                reply = sdk.client.messages.create(
                    model=MODEL,
                    max_tokens=64,
                    messages=[{"role": "user", "content": "Hi"}],
                    stream=stream,
                    extra_headers={"x-standin-behaviour": steer},
                )
                if not isinstance(reply, anthropic.types.Message):
                    list(reply)


TOTALS = (
    "sum by (model, project, kind) (tokentape_tokens_total)",
    "sum by (model, project, kind) (tokentape_cost_usd_total)",
    "sum by (model, project, outcome, status, stream) (tokentape_requests_total)",
    "sum by (model, project) (tokentape_request_duration_seconds_count)",
    "sum by (model, project, le) (tokentape_request_duration_seconds_bucket)",
    "sum by (model, project) (tokentape_request_duration_seconds_sum)",
    "sum by (model, project, status) (tokentape_priced_calls_total)",
)


def grouped(metrics: Metrics, query: str) -> dict[tuple[tuple[str, str], ...], float]:
    """What such a query would answer about a scrape; series of 0 left out."""
    by, name = query.removeprefix("sum by (").removesuffix(")").split(") (")
    wanted = by.split(", ")
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for (sample, labels), value in metrics.items():
        if sample == name:
            key = tuple(sorted((label, text) for label, text in labels if label in wanted))
            sums[key] = sums.get(key, 0) + value
    return {key: value for key, value in sums.items() if value}


def answered(victoria: VictoriaMetrics, query: str) -> dict[tuple[tuple[str, str], ...], float]:
    return {key: value for key, value in victoria.query(query).items() if value}


def agrees(victoria: VictoriaMetrics, query: str, expected: object) -> bool:
    return answered(victoria, query) == expected


def test_victoria_metrics_answers_with_the_totals_of_the_scrape(victoria: VictoriaMetrics) -> None:
    environment = clean_environment(
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=victoria.otlp, OTEL_METRIC_EXPORT_INTERVAL="200"
    )
    options = ("--otlp-metric-names", "tokentape")
    with (
        standin_process() as url,
        running_proxy(url, *options, environment=environment) as proxy,
    ):
        pushed(proxy)
        metrics = proxy.after(5)
        for query in TOTALS:
            expected = pytest.approx(grouped(metrics, query), rel=1e-9)
            wait_until(query, partial(agrees, victoria, query, expected))
            assert answered(victoria, query), query
    assert metrics.value("tokentape_tokens_total") > 0


def test_victoria_metrics_takes_the_conventions_names(
    victoria: VictoriaMetrics,
) -> None:
    environment = clean_environment(
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=victoria.otlp, OTEL_METRIC_EXPORT_INTERVAL="200"
    )
    with held_upstream() as upstream, running_proxy(upstream.url, environment=environment) as proxy:
        with Client(proxy.address) as client:
            assert [client.call() for _ in range(3)] == [200] * 3
        proxy.after(3)
        sums = r'sum by (gen_ai\.token\.type) ({__name__="gen_ai.client.token.usage_sum"})'
        expected = {(("gen_ai.token.type", "input"),): 36.0, (("gen_ai.token.type", "output"),): 15.0}
        wait_until("the usage is there", lambda: victoria.query(sums) == expected)
