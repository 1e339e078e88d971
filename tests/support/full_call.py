"""A call that says everything that a call can say, and its bill."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.support.calls import make_call

from tokentape.proxy.messages.call import (
    CacheOutcome,
    CacheWrites,
    CallError,
    Outcome,
    RequestFacts,
    Timings,
    ToolCall,
    Trace,
    Usage,
)
from tokentape.proxy.pricing.bill import Bill, LineItem, LineKind, Status

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Call

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"

BILL = Bill(
    status=Status.ESTIMATED,
    total=Decimal("0.0123"),
    items=(
        LineItem(kind=LineKind.INPUT, model="claude-sonnet-4-5", quantity=7, usd=Decimal("0.000021")),
        LineItem(kind=LineKind.INPUT, model="claude-opus-4-5", quantity=10, usd=Decimal("0.00005")),
        LineItem(kind=LineKind.CACHE_READ, model="claude-sonnet-4-5", quantity=4000, usd=Decimal("0.0012")),
        LineItem(kind=LineKind.CACHE_WRITE_5M, model="claude-sonnet-4-5", quantity=10, usd=Decimal("0.0001")),
        LineItem(kind=LineKind.CACHE_WRITE_1H, model="claude-sonnet-4-5", quantity=20, usd=Decimal("0.0002")),
        LineItem(kind=LineKind.OUTPUT, model="claude-sonnet-4-5", quantity=190, usd=Decimal("0.00285")),
        LineItem(kind=LineKind.WEB_SEARCH, model="claude-sonnet-4-5", quantity=1, usd=Decimal("0.01")),
        LineItem(kind=LineKind.OTHER, model="claude-sonnet-4-5", quantity=1, usd=Decimal("0.5")),
    ),
    reasons=("cache_split",),
    modifiers=("geo_us",),
    savings=Decimal("0.01"),
    waste=Decimal("0.002"),
    waste_cause="truncated",
    price_table="abc123",
    price_date="2026-11-01",
)


def full_call(**changes: Any) -> Call:
    """Every field set; an error inside a stream, on the second attempt."""
    fields: dict[str, Any] = {
        "stream": True,
        "outcome": Outcome.STREAM_ERROR,
        "error": CallError(type="overloaded_error", code="server_busy"),
        "model_asked": "claude-sonnet-4-5-20250929",
        "model_served": "claude-sonnet-4-5",
        "request": RequestFacts(
            max_tokens=1024,
            messages=3,
            tools=2,
            thinking="enabled",
            effort="high",
            service_tier="auto",
            images=2,
            documents=1,
            body_bytes=1234,
        ),
        "usage": Usage(
            input_tokens=7,
            output_tokens=190,
            thinking_tokens=30,
            cache_read_input_tokens=4000,
            cache_creation_input_tokens=30,
            ephemeral_5m_input_tokens=10,
            ephemeral_1h_input_tokens=20,
            service_tier="standard",
        ),
        "cache_writes": CacheWrites(tokens_5m=10, tokens_1h=20),
        "cache_outcome": CacheOutcome.MIXED,
        "cache_miss_reason": "tools_changed",
        "message_id": "msg_1",
        "stop_reason": "max_tokens",
        "tool_calls": (
            ToolCall(name="search", id="t1", block_type="tool_use", input_digest=None, input_characters=2),
        ),
        "tool_loop": True,
        "timings": Timings(
            duration=2.0,
            headers=0.5,
            first_token={"text": 0.75, "thinking": 0.625},
            first_token_any=0.625,
            largest_gap=0.25,
            output_tokens_per_second=95.0,
        ),
        "credential": "c0ffee",
        "organization_id": "org-1",
        "request_id": "req_1",
        "labels": {"project": "checkout", "team": "search", "cassette": "greeting"},
        "project": "checkout",
        "session": "session-1",
        "user": "hash-of-user",
        "client": "Anthropic/Python 2.12.0",
        "betas": ("a-2026-01-01", "b-2026-01-01"),
        "trace": Trace(trace_id=TRACE_ID, span_id=PARENT_ID, sampled=True, tracestate="vendor=1"),
        "attempt": 1,
        "attempt_inferred": True,
        "retry_of": "relay-0-1:0",
        "retry_cause": "rate_limit_error",
        "batch_id": "batch_1",
        "batch_size": 2,
        "resumed": True,
        "parse_errors": ("event_json",),
    }
    return make_call(**(fields | changes))
