"""Faults: what can go wrong with a reply, in the API's own dialect, the same on every run.

Fault
    One thing that goes wrong, with its keys, and where it applies: `overloaded(times=2)`, or the spec
    `overloaded:times=2`.
Declaration
    What the catalogue says of a fault: its name, its keys, and when it strikes.
Attempt
    One request as it came on the wire, retries included, as far as a fault looks at it.
Book
    Who gets which fault: it counts requests, draws chaos and keeps the limits' buckets.

A fault either answers instead of the API (`replies.instead`) or changes a reply on its way to the wire
(`apply.struck`). Up to the point where it strikes, the bytes of a stream are those of the reply.
Everything here is pure: clocks come from outside.
"""

from tokentape.recorder.faults.api import (
    api_error,
    context_window_exceeded,
    cut,
    error_event,
    hang_up,
    limits,
    malformed,
    no_message_stop,
    overloaded,
    prompt_too_long,
    rate_limited,
    refusal,
    refused,
    slow_first_event,
    slow_headers,
    stall,
    status,
    timed_out,
    too_large,
    tool_loop,
    truncated,
    unauthorized,
    wrong_length,
)
from tokentape.recorder.faults.fault import Fault, FaultError

__all__ = [
    "Fault",
    "FaultError",
    "api_error",
    "context_window_exceeded",
    "cut",
    "error_event",
    "hang_up",
    "limits",
    "malformed",
    "no_message_stop",
    "overloaded",
    "prompt_too_long",
    "rate_limited",
    "refusal",
    "refused",
    "slow_first_event",
    "slow_headers",
    "stall",
    "status",
    "timed_out",
    "too_large",
    "tool_loop",
    "truncated",
    "unauthorized",
    "wrong_length",
]
