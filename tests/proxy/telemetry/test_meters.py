"""What one call adds, seen through the sink that owns the meters."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from tests.support.calls import make_call
from tests.support.metrics import series, total

from tokentape.proxy.messages.call import (
    CacheOutcome,
    CacheWrites,
    Call,
    CallError,
    Outcome,
    RequestFacts,
    Timings,
    ToolCall,
    Usage,
)
from tokentape.proxy.telemetry.meters import MAX_KEPT, Kept
from tokentape.proxy.telemetry.prometheus import PrometheusSink


def after(*calls: Call) -> CollectorRegistry:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry)
    for call in calls:
        sink.closed(call)
    return registry


def tool(name: str) -> ToolCall:
    return ToolCall(name=name, id=None, block_type="tool_use", input_digest=None, input_characters=0)


def tokens(registry: CollectorRegistry) -> dict[str, float]:
    return {kind: value for (kind,), value in series(registry, "tokentape_tokens_total", "kind").items()}


def test_an_attempt_is_counted_by_how_it_ended() -> None:
    registry = after(
        make_call(),
        make_call(stream=True),
        make_call(outcome=Outcome.API_ERROR, status=529, error=CallError(type="overloaded_error")),
        make_call(outcome=Outcome.UPSTREAM_ABORT, status=None, error=CallError(type="upstream_abort")),
    )
    assert series(registry, "tokentape_requests_total", "endpoint", "status", "outcome", "stream") == {
        ("/v1/messages", "200", "ok", "false"): 1,
        ("/v1/messages", "200", "ok", "true"): 1,
        ("/v1/messages", "529", "api_error", "false"): 1,
        ("/v1/messages", "none", "upstream_abort", "false"): 1,
    }
    assert series(registry, "tokentape_errors_total", "endpoint", "error_type") == {
        ("/v1/messages", "overloaded_error"): 1,
        ("/v1/messages", "upstream_abort"): 1,
    }


def test_a_client_that_left_is_no_error() -> None:
    registry = after(make_call(outcome=Outcome.CLIENT_ABORT))
    assert total(registry, "tokentape_requests_total", outcome="client_abort") == 1
    assert series(registry, "tokentape_errors_total", "error_type") == {}


def test_token_kinds_are_disjoint_and_cache_writes_are_split() -> None:
    usage = Usage(
        input_tokens=1,
        output_tokens=20,
        thinking_tokens=5,
        cache_read_input_tokens=300,
        cache_creation_input_tokens=9000,
    )
    call = make_call(usage=usage, cache_writes=CacheWrites(tokens_5m=4000, tokens_1h=5000))
    registry = after(call, call)
    assert tokens(registry) == {
        "input": 2,
        "output": 40,
        "cache_read": 600,
        "cache_write_5m": 8000,
        "cache_write_1h": 10000,
    }
    assert total(registry, "tokentape_thinking_tokens_total") == 10


def test_what_the_api_did_not_say_is_not_counted() -> None:
    registry = after(make_call(usage=None), make_call(usage=Usage(input_tokens=10)))
    assert tokens(registry) == {"input": 10}
    assert total(registry, "tokentape_request_input_tokens_count") == 1
    assert total(registry, "tokentape_request_output_tokens_count") == 0


def test_input_size_includes_the_cache() -> None:
    usage = Usage(input_tokens=1, cache_read_input_tokens=300, cache_creation_input_tokens=9000)
    registry = after(make_call(usage=usage, cache_writes=CacheWrites(tokens_5m=4000, tokens_1h=5000)))
    assert total(registry, "tokentape_request_input_tokens_sum") == 9301


@pytest.mark.parametrize("outcome", list(CacheOutcome))
def test_cache_outcomes_are_counted_where_there_is_one(outcome: CacheOutcome) -> None:
    registry = after(make_call(cache_outcome=outcome), make_call(cache_outcome=None))
    assert series(registry, "tokentape_cache_outcomes_total", "outcome") == {(outcome.value,): 1}


def test_stop_reasons_tools_and_media_are_counted() -> None:
    registry = after(
        make_call(
            stop_reason="tool_use",
            tool_calls=(tool("bash"), tool("bash"), tool("edit")),
            request=RequestFacts(images=3, documents=2),
        ),
        make_call(stop_reason=None),
    )
    assert series(registry, "tokentape_stop_reasons_total", "stop_reason") == {("tool_use",): 1}
    assert series(registry, "tokentape_tool_calls_total", "tool") == {("bash",): 2, ("edit",): 1}
    assert series(registry, "tokentape_media_blocks_total", "kind") == {("image",): 3, ("document",): 2}


def test_a_tool_loop_is_counted_under_the_tool_that_repeats() -> None:
    registry = after(
        make_call(tool_loop=True, request=RequestFacts(repeated_tool="bash")),
        make_call(tool_loop=True),
        make_call(),
    )
    assert series(registry, "tokentape_tool_loops_total", "tool") == {("bash",): 1, ("unknown",): 1}


def test_retries_are_counted_by_cause() -> None:
    registry = after(
        make_call(attempt=1, retry_cause="overloaded_error"),
        make_call(attempt=2, retry_cause="overloaded_error"),
        make_call(attempt=1),
        make_call(attempt=0),
    )
    assert series(registry, "tokentape_retries_total", "cause") == {("overloaded_error",): 2, ("unknown",): 1}


def test_times_are_observed_where_they_happened() -> None:
    timings = Timings(
        duration=30.0,
        headers=0.5,
        first_token={"thinking": 1.0, "text": 8.0, "tool_use": 9.0, "redacted": 3.0},
        first_token_any=1.0,
        largest_gap=4.0,
        output_tokens_per_second=70.0,
    )
    registry = after(make_call(stream=True, timings=timings), make_call(timings=Timings(duration=1.0)))
    assert series(registry, "tokentape_time_to_first_token_seconds_sum", "kind") == {
        ("any",): 1,
        ("thinking",): 1,
        ("text",): 8,
        ("tool_use",): 9,
    }
    assert series(registry, "tokentape_request_duration_seconds_sum", "stream") == {
        ("true",): 30,
        ("false",): 1,
    }
    by_model = {
        name: total(registry, f"tokentape_{name}_sum")
        for name in ("time_to_headers_seconds", "stream_max_gap_seconds", "output_tokens_per_second")
    }
    assert by_model == {
        "time_to_headers_seconds": 0.5,
        "stream_max_gap_seconds": 4,
        "output_tokens_per_second": 70,
    }


def test_kept_sets_are_made_once_up_to_a_bound_and_after_it_each_time() -> None:
    made: list[int] = []

    def make(key: int) -> str:
        made.append(key)
        return str(key)

    kept = Kept(make)
    for key in [*range(MAX_KEPT), *range(MAX_KEPT), MAX_KEPT, MAX_KEPT]:
        assert kept[key] == str(key)
    assert made == [*range(MAX_KEPT), MAX_KEPT, MAX_KEPT]
    assert len(kept) == MAX_KEPT
