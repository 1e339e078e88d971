"""What is answered instead of the API: errors, hung-up connections, and a tool that is called again."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.faults.attempt import ToolCall, digest, last_tool_call
from tokentape.recorder.faults.message import encoded, events_of
from tokentape.recorder.faults.streams import hang_up
from tokentape.recorder.wire.body import Body
from tokentape.recorder.wire.errors import STATUSES, ApiError
from tokentape.recorder.wire.reply import Reply

if TYPE_CHECKING:
    from tokentape.recorder.faults.attempt import Attempt
    from tokentape.recorder.faults.fault import Fault

_CODES: Final = {
    "overloaded": 529,
    "rate_limited": 429,
    "api_error": 500,
    "timed_out": 504,
    "too_large": 413,
    "unauthorized": 401,
}
_RETRIED: Final = frozenset({408, 409, 429})
"""Beside those from 500 on, the statuses that the SDKs try again."""
_CHARACTERS: Final = 4
"""Of a token, about."""
_JSON: Final = ("content-type", "application/json")


def instead(fault: Fault, attempt: Attempt) -> Reply | None:
    """The reply that a fault gives instead of the API's; `None` where it changes the API's reply."""
    if fault.name in {"hang_up", "refused"}:
        return hang_up(Reply(status=200, headers=[], body=Body(data=[], due=[])), fault)
    if fault.name == "tool_loop":
        return _tool_called_again(fault, attempt)
    error = error_of(fault, attempt)
    return None if error is None else error_reply(error, attempt)


# Errors.


def error_of(fault: Fault, attempt: Attempt) -> ApiError | None:
    """The error that a fault answers with, its headers on retries and limits included; or `None`."""
    if fault.name == "error_event":
        kind = fault.text("type", "overloaded_error")
        return None if attempt.stream else ApiError(STATUSES[kind], error_type=kind)
    if fault.name == "prompt_too_long":
        maximum = fault.count("maximum", 200_000)
        tokens = fault.count("tokens", maximum + 1)
        return ApiError(400, f"prompt is too long: {tokens} tokens > {maximum} maximum")
    code = fault.count("code", 500) if fault.name == "status" else _CODES.get(fault.name)
    if code is None:
        return None
    message = _limit_message(fault) if fault.name == "rate_limited" else ""
    return ApiError(code, message, headers=_lines(_retry(fault) + _limit(fault, attempt.wall)))


def _limit_message(fault: Fault) -> str:
    kind = fault.text("kind", "requests").replace("_", " ")
    return (
        f"This request would exceed your organization's rate limit of {fault.count('limit', 50):,} {kind} "
        "per minute. Please try again later."
    )


def _lines(headers: list[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


def _retry(fault: Fault) -> list[tuple[str, str]]:
    headers = [
        (key.replace("_", "-"), f"{fault.number(key, 0):.12g}")
        for key in ("retry_after", "retry_after_ms")
        if fault.get(key) is not None
    ]
    return headers or ([("retry-after", "1")] if fault.name == "rate_limited" else [])


def _limit(fault: Fault, wall: float) -> list[tuple[str, str]]:
    """Of the limit that was hit (https://docs.anthropic.com/en/api/rate-limits#response-headers)."""
    if fault.name != "rate_limited" or fault.headers:
        return list(fault.headers)
    wait = fault.number("retry_after", math.ceil(fault.number("retry_after_ms", 1000) / 1000))
    name = f"anthropic-ratelimit-{fault.text('kind', 'requests').replace('_', '-')}"
    reset = datetime.fromtimestamp(int(wall + wait), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        (f"{name}-limit", str(fault.count("limit", 50))),
        (f"{name}-remaining", "0"),
        (f"{name}-reset", reset),
    ]


def is_retried(status: int) -> bool:
    """The SDKs try again after an error of this status."""
    return status in _RETRIED or status >= 500


def error_reply(error: ApiError, attempt: Attempt) -> Reply:
    """An error as a reply of its own."""
    request_id = request_id_of(attempt)
    again = is_retried(error.status)
    lines = error.headers.decode("latin-1").split("\r\n")[:-1]
    return Reply(
        status=error.status,
        headers=[
            *_head(attempt, request_id),
            _JSON,
            ("x-should-retry", "true" if again else "false"),
            *((name, value) for name, _, value in (line.partition(": ") for line in lines)),
        ],
        body=Body(data=[error.body(request_id)], due=[]),
    )


def _head(attempt: Attempt, request_id: str) -> list[tuple[str, str]]:
    date = [("date", formatdate(int(attempt.wall), usegmt=True))] if attempt.wall else []
    return [*date, ("request-id", request_id)]


def request_id_of(attempt: Attempt) -> str:
    """The id of the reply to an attempt that brings none follows from what it asks."""
    return attempt.request_id or f"req_01{_name('request', attempt)}"


def _name(what: str, attempt: Attempt) -> str:
    return digest(what.encode(), attempt.session.encode(), attempt.key).hex()[:22]


# Tools.


def call_again(fault: Fault, body: bytes) -> ToolCall:
    """The call that a `tool_loop` answers a request body with."""
    last = last_tool_call(body)
    name = fault.text("tool", last.name if last else "")
    return last if last and last.name == name else ToolCall(name, {})


def _tool_called_again(fault: Fault, attempt: Attempt) -> Reply:
    message = _message(call_again(fault, attempt.body), attempt)
    head = _head(attempt, request_id_of(attempt))
    if not attempt.stream:
        return Reply(status=200, headers=[*head, _JSON], body=Body(data=[encoded(message)], due=[]))
    kind = ("content-type", "text/event-stream; charset=utf-8")
    body = Body(data=events_of(message), due=[])
    return Reply(status=200, headers=[*head, kind, ("cache-control", "no-cache")], body=body, streamed=True)


def _message(call: ToolCall, attempt: Attempt) -> dict[str, Any]:
    """`anthropic.types.Message`. Tokens are estimated by characters."""
    use = {
        "type": "tool_use",
        "id": f"toolu_01{_name('tool', attempt)}",
        "name": call.name,
        "input": call.input,
    }
    return {
        "model": attempt.model,
        "id": f"msg_01{_name('message', attempt)}",
        "type": "message",
        "role": "assistant",
        "content": [use],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": len(attempt.body) // _CHARACTERS,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": max(1, len(encoded(use)) // _CHARACTERS),
        },
    }
