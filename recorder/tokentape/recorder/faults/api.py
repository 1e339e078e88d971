"""Constructors: one for each fault, with the keys of its spec.

    overloaded(times=2, retry_after_ms=1)

is the spec `overloaded:times=2,retry_after_ms=1`. What the keys mean is in docs/faults.md. Each raises
`FaultError` where a value does not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from tokentape.recorder.faults.catalogue import DECLARED
from tokentape.recorder.faults.spec import make_fault

if TYPE_CHECKING:
    from tokentape.recorder.faults.fault import Fault, Scope, Whose

Limit = Literal["requests", "tokens", "input_tokens", "output_tokens"]
Category = Literal["cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"]


def _make(name: str, where: Scope, **values: Any) -> Fault:
    return make_fault(name, {**values, **where})


def retrying_after(fault: Fault, milliseconds: float) -> Fault:
    """The fault with this `retry_after_ms`, where it can be retried and says no wait of its own."""
    own = {key.name for key in DECLARED[fault.name].keys}
    if "retry_after_ms" not in own or any(fault.get(key) for key in ("retry_after", "retry_after_ms")):
        return fault
    given = {**dict(fault.values), **_scope(fault), "retry_after_ms": milliseconds}
    return make_fault(fault.name, given)


def _scope(fault: Fault) -> dict[str, Any]:
    return {name: value for name in fault.where.__struct_fields__ if (value := getattr(fault.where, name))}


# Errors.


def overloaded(
    *, retry_after: float | None = None, retry_after_ms: int | None = None, **where: Unpack[Scope]
) -> Fault:
    """529 `overloaded_error`."""
    return _make("overloaded", where, retry_after=retry_after, retry_after_ms=retry_after_ms)


def rate_limited(
    *,
    retry_after: float | None = None,
    retry_after_ms: int | None = None,
    kind: Limit | None = None,
    limit: int | None = None,
    **where: Unpack[Scope],
) -> Fault:
    """429 `rate_limit_error`, with the headers of the limit that was hit."""
    waits = {"retry_after": retry_after, "retry_after_ms": retry_after_ms}
    return _make("rate_limited", where, **waits, kind=kind, limit=limit)


def api_error(
    *, retry_after: float | None = None, retry_after_ms: int | None = None, **where: Unpack[Scope]
) -> Fault:
    """500 `api_error`."""
    return _make("api_error", where, retry_after=retry_after, retry_after_ms=retry_after_ms)


def timed_out(
    *, retry_after: float | None = None, retry_after_ms: int | None = None, **where: Unpack[Scope]
) -> Fault:
    """504 `timeout_error`."""
    return _make("timed_out", where, retry_after=retry_after, retry_after_ms=retry_after_ms)


def too_large(**where: Unpack[Scope]) -> Fault:
    """413 `request_too_large`."""
    return _make("too_large", where)


def prompt_too_long(
    *, tokens: int | None = None, maximum: int | None = None, **where: Unpack[Scope]
) -> Fault:
    """400 `invalid_request_error`: the prompt exceeds the context window."""
    return _make("prompt_too_long", where, tokens=tokens, maximum=maximum)


def unauthorized(**where: Unpack[Scope]) -> Fault:
    """401 `authentication_error`."""
    return _make("unauthorized", where)


def status(
    code: int | None = None,
    *,
    retry_after: float | None = None,
    retry_after_ms: int | None = None,
    **where: Unpack[Scope],
) -> Fault:
    """Any error status."""
    return _make("status", where, code=code, retry_after=retry_after, retry_after_ms=retry_after_ms)


# Connections.


def refused(*, nth: int | None = None, times: int | None = None) -> Fault:
    """The connection is reset as soon as it is made."""
    return make_fault("refused", {"nth": nth, "times": times})


def hang_up(*, reset: bool | None = None, **where: Unpack[Scope]) -> Fault:
    """The connection is closed after the request, without a byte of an answer."""
    return _make("hang_up", where, reset=reset)


# Time.


def slow_headers(seconds: float | None = None, **where: Unpack[Scope]) -> Fault:
    """The whole reply comes later, its head included."""
    return _make("slow_headers", where, seconds=seconds)


def slow_first_event(seconds: float | None = None, **where: Unpack[Scope]) -> Fault:
    """The head of a stream comes, and its events come later."""
    return _make("slow_first_event", where, seconds=seconds)


def stall(
    *,
    after: int | None = None,
    seconds: float | None = None,
    every: float | None = None,
    **where: Unpack[Scope],
) -> Fault:
    """After some events nothing but pings comes, for ever or for a time."""
    return _make("stall", where, after=after, seconds=seconds, every=every)


# The stream.


def error_event(*, after: int | None = None, type: str | None = None, **where: Unpack[Scope]) -> Fault:  # noqa: A002 - the API's word
    """After some events comes an `error` event, under status 200."""
    return _make("error_event", where, after=after, type=type)


def cut(
    *,
    after: int | None = None,
    inside: bool | None = None,
    byte: int | None = None,
    reset: bool | None = None,
    **where: Unpack[Scope],
) -> Fault:
    """The connection is closed inside the reply."""
    return _make("cut", where, after=after, inside=inside, byte=byte, reset=reset)


def no_message_stop(**where: Unpack[Scope]) -> Fault:
    """A stream ends properly, but without its `message_stop`."""
    return _make("no_message_stop", where)


def malformed(*, after: int | None = None, **where: Unpack[Scope]) -> Fault:
    """An event, or the body, is broken JSON."""
    return _make("malformed", where, after=after)


def wrong_length(*, by: int | None = None, **where: Unpack[Scope]) -> Fault:
    """The content-length is wrong."""
    return _make("wrong_length", where, by=by)


# The message.


def truncated(*, tokens: int | None = None, **where: Unpack[Scope]) -> Fault:
    """The message ends early, with stop_reason `max_tokens`."""
    return _make("truncated", where, tokens=tokens)


def context_window_exceeded(*, tokens: int | None = None, **where: Unpack[Scope]) -> Fault:
    """The message ends early, with stop_reason `model_context_window_exceeded`."""
    return _make("context_window_exceeded", where, tokens=tokens)


def refusal(*, tokens: int | None = None, category: Category | None = None, **where: Unpack[Scope]) -> Fault:
    """The message ends early, with stop_reason `refusal`."""
    return _make("refusal", where, tokens=tokens, category=category)


def tool_loop(*, tool: str | None = None, **where: Unpack[Scope]) -> Fault:
    """The model calls a tool again, with the same input as the last time."""
    return _make("tool_loop", where, tool=tool)


# Limits.


def limits(
    *,
    rpm: int | None = None,
    tpm: int | None = None,
    itpm: int | None = None,
    otpm: int | None = None,
    **whose: Unpack[Whose],
) -> Fault:
    """A token bucket for each limit and session."""
    return make_fault("limits", {"rpm": rpm, "tpm": tpm, "itpm": itpm, "otpm": otpm, **whose})
