from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tokentape.proxy import catalogue
from tokentape.proxy.catalogue import BY_NAME, CATALOGUE, P, Rank

PUBLIC = [
    "tokentape_requests_total",
    "tokentape_tokens_total",
    "tokentape_thinking_tokens_total",
    "tokentape_cost_usd_total",
    "tokentape_subscription_equivalent_usd_total",
    "tokentape_priced_calls_total",
    "tokentape_price_usd_per_million_tokens",
    "tokentape_cache_savings_usd_total",
    "tokentape_cache_outcomes_total",
    "tokentape_wasted_usd_total",
    "tokentape_stop_reasons_total",
    "tokentape_tool_calls_total",
    "tokentape_tool_loops_total",
    "tokentape_media_blocks_total",
    "tokentape_model_substitutions_total",
    "tokentape_batch_results_total",
    "tokentape_batch_savings_usd_total",
    "tokentape_errors_total",
    "tokentape_retries_total",
    "tokentape_request_duration_seconds",
    "tokentape_time_to_first_token_seconds",
    "tokentape_time_to_headers_seconds",
    "tokentape_stream_max_gap_seconds",
    "tokentape_output_tokens_per_second",
    "tokentape_request_input_tokens",
    "tokentape_request_output_tokens",
    "tokentape_request_cost_usd",
    "tokentape_ratelimit_limit",
    "tokentape_ratelimit_remaining",
    "tokentape_ratelimit_reset_timestamp_seconds",
    "tokentape_ratelimit_utilization_ratio",
    "tokentape_spend_usd",
    "tokentape_budget_usd",
    "tokentape_inflight_requests",
    "tokentape_oldest_inflight_seconds",
    "tokentape_added_latency_seconds",
    "tokentape_unmetered_calls_total",
    "tokentape_parse_errors_total",
    "tokentape_unknown_events_total",
    "tokentape_sink_errors_total",
    "tokentape_price_table_timestamp_seconds",
    "tokentape_build_info",
]


def test_public_names_are_never_lost() -> None:
    assert set(PUBLIC) <= set(BY_NAME)


def test_every_name_is_declared_once() -> None:
    assert len(BY_NAME) == len(CATALOGUE)


def test_it_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(catalogue.__file__).read_text("utf-8"))
    names = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("name", "kind", "unit", "family", "otel"),
    [
        ("tokentape_requests_total", "counter", "", "tokentape_requests", "tokentape.requests"),
        ("tokentape_cost_usd_total", "counter", "usd", "tokentape_cost_usd", "tokentape.cost_usd"),
        (
            "tokentape_request_duration_seconds",
            "histogram",
            "seconds",
            "tokentape_request_duration_seconds",
            "gen_ai.client.operation.duration",
        ),
        (
            "tokentape_cache_savings_usd_total",
            "gauge",
            "usd",
            "tokentape_cache_savings_usd_total",
            "tokentape.cache_savings_usd",
        ),
        (
            "tokentape_stream_max_gap_seconds",
            "histogram",
            "seconds",
            "tokentape_stream_max_gap_seconds",
            "tokentape.stream_max_gap",
        ),
        (
            "tokentape_price_usd_per_million_tokens",
            "gauge",
            "usd_per_million_tokens",
            "tokentape_price_usd_per_million_tokens",
            "tokentape.price_usd_per_million_tokens",
        ),
        (
            "tokentape_inflight_requests",
            "gauge",
            "",
            "tokentape_inflight_requests",
            "tokentape.inflight_requests",
        ),
    ],
)
def test_type_unit_and_other_names_follow_from_the_name(
    name: str, kind: str, unit: str, family: str, otel: str
) -> None:
    metric = BY_NAME[name]
    assert (metric.type, metric.unit, metric.family, metric.otel_name) == (kind, unit, family, otel)


def test_counters_and_only_sums_end_in_total() -> None:
    odd = [m.name for m in CATALOGUE if m.name.endswith("_total") != (m.type == "counter")]
    assert odd == ["tokentape_cache_savings_usd_total"]


def test_metric_labels_stand_where_p_stood() -> None:
    assert BY_NAME["tokentape_errors_total"].label_names(("project", "team")) == (
        "endpoint",
        "model",
        "project",
        "team",
        "error_type",
    )


def test_only_what_needs_no_price_exists_before_the_bill() -> None:
    assert [m.name for m in CATALOGUE if m.needs_bill and m.group != "cost"] == [
        "tokentape_batch_results_total"
    ]
    assert [m.name for m in CATALOGUE if "usd" in m.name and not m.needs_bill] == []


def test_time_buckets_reach_from_ten_milliseconds_to_beyond_the_sdks_timeout() -> None:
    latencies = [m for m in CATALOGUE if m.group == "latency" and m.unit == "seconds"]
    assert {(m.buckets[0], m.buckets[-1]) for m in latencies} == {(0.01, 655.36)}


def test_added_latency_is_seen_from_ten_microseconds_to_a_second() -> None:
    buckets = BY_NAME["tokentape_added_latency_seconds"].buckets
    assert (buckets[0], buckets[-1]) == (0.00001, 1.0)


def test_buckets_rise() -> None:
    for metric in CATALOGUE:
        assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name


def test_only_latency_histograms_carry_exemplars() -> None:
    assert [m.name for m in CATALOGUE if m.exemplars] == [
        "tokentape_request_duration_seconds",
        "tokentape_time_to_first_token_seconds",
        "tokentape_time_to_headers_seconds",
        "tokentape_stream_max_gap_seconds",
    ]


def test_sessions_users_and_requests_are_never_labels() -> None:
    labels = {label for metric in CATALOGUE for label in metric.labels}
    assert not labels & {"session", "user", "request_id", "trace_id", "id", "path", "url"}


def test_requests_tokens_money_and_errors_keep_their_project_longest() -> None:
    core = {m.name for m in CATALOGUE if m.rank is Rank.CORE and P in m.labels}
    assert core == {
        "tokentape_requests_total",
        "tokentape_errors_total",
        "tokentape_tokens_total",
        "tokentape_thinking_tokens_total",
        "tokentape_cost_usd_total",
        "tokentape_priced_calls_total",
        "tokentape_cache_savings_usd_total",
    }


def test_helps_are_one_plain_sentence() -> None:
    for metric in CATALOGUE:
        assert metric.help.endswith("."), metric.name
        assert not set("\n\\") & set(metric.help), metric.name
