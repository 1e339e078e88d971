"""Calls made by hand: a plain successful one, to be changed field by field."""

from __future__ import annotations

from typing import Any

from tokentape.proxy.messages.call import CacheWrites, Call, OpenCall, Outcome, Timings, Usage

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
