"""Calls made by hand: a plain successful one, to be changed field by field."""

from __future__ import annotations

from typing import Any

from tokentape.proxy.messages.call import (
    CacheOutcome,
    CacheWrites,
    Call,
    CallError,
    OpenCall,
    Outcome,
    RateLimit,
    RequestFacts,
    Timings,
    ToolCall,
    Trace,
    Usage,
)

STARTED = 1_790_000_000.0


def make_call(**changes: Any) -> Call:
    """A call to /v1/messages that succeeded: 100 tokens in, 20 out, in two seconds."""
    fields: dict[str, Any] = {
        "id": "relay-0-1:1",
        "engine": "relay",
        "method": "POST",
        "endpoint": "/v1/messages",
        "started_at": STARTED,
        "ended_at": STARTED + 2,
        "outcome": Outcome.OK,
        "status": 200,
        "model": "claude-sonnet-4-5",
        "usage": Usage(input_tokens=100, output_tokens=20),
        "cache_writes": CacheWrites(),
        "stop_reason": "end_turn",
        "timings": Timings(duration=2.0, headers=0.5),
    }
    return Call(**(fields | changes))


def make_open_call(call: Call) -> OpenCall:
    """What was known of this call when its request had been read."""
    return OpenCall(
        id=call.id, endpoint=call.endpoint, model=call.model, project=call.project, labels=call.labels
    )


def varied_calls(model: str, project: str) -> list[Call]:
    """What one model may see in one project: streams with every kind of block, errors, retries, tools."""
    of = {"model": model, "project": project, "credential": "c0ffee", "request_id": f"req_{model}_{project}"}
    tools = tuple(
        ToolCall(name=f"tool_{n}", id=None, block_type="tool_use", input_digest=None, input_characters=2)
        for n in range(6)
    )
    cached = make_call(
        **of,
        stream=True,
        cache_outcome=CacheOutcome.MIXED,
        usage=Usage(
            input_tokens=7,
            output_tokens=1900,
            thinking_tokens=300,
            cache_read_input_tokens=40_000,
            cache_creation_input_tokens=3_000,
        ),
        cache_writes=CacheWrites(tokens_5m=1_000, tokens_1h=2_000),
        request=RequestFacts(images=2, documents=1, repeated_tool="tool_1", repeated_tool_calls=6),
        tool_loop=True,
        tool_calls=tools,
        stop_reason="tool_use",
        trace=Trace(trace_id="4bf92f3577b34da6a3ce929d0e0e4736", span_id="00f067aa0ba902b7", sampled=True),
        timings=Timings(
            duration=31.0,
            headers=0.8,
            first_event=0.9,
            first_token={"thinking": 1.1, "text": 9.0, "tool_use": 12.0},
            first_token_any=1.1,
            largest_gap=2.5,
            output_tokens_per_second=62.0,
        ),
        rate_limits=(RateLimit(kind="requests", limit=50, remaining=49, reset_at=STARTED + 60),),
    )
    limited = make_call(
        **of,
        outcome=Outcome.API_ERROR,
        status=429,
        error=CallError(type="rate_limit_error"),
        usage=None,
        stop_reason=None,
    )
    retried = make_call(**of, attempt=1, retry_cause="rate_limit_error", cache_outcome=CacheOutcome.UNMARKED)
    cut = make_call(
        **of, stream=True, outcome=Outcome.CLIENT_ABORT, usage=None, stop_reason=None, cache_outcome=None
    )
    truncated = make_call(**of, stop_reason="max_tokens", cache_outcome=CacheOutcome.HIT)
    return [cached, limited, retried, cut, truncated]
