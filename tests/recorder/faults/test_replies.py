"""What is answered instead of the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from tests.recorder.faults.recorded import QUESTION, attempt, message, said

from tokentape.recorder.faults.replies import call_again, instead
from tokentape.recorder.faults.spec import read_fault
from tokentape.recorder.wire.answer import Ending

if TYPE_CHECKING:
    from tokentape.recorder.wire.reply import Reply

CALLED = [
    *QUESTION,
    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "search", "input": {"q": 1}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "nothing"}]},
]


def reply_of(spec: str, **request: object) -> Reply:
    """What a fault answers with."""
    asked = replace(attempt(**request), request_id="req_1", wall=1_800_000_000.9)  # type: ignore[arg-type] # fields
    reply = instead(read_fault(spec), asked)
    assert reply is not None
    return reply


@pytest.mark.parametrize(
    ("spec", "status", "kind", "text", "headers"),
    [
        ("overloaded", 529, "overloaded_error", "Overloaded", {"x-should-retry": "true"}),
        (
            "overloaded:retry_after_ms=1",
            529,
            "overloaded_error",
            "Overloaded",
            {"x-should-retry": "true", "retry-after-ms": "1"},
        ),
        (
            "rate_limited:retry_after=3,kind=output_tokens,limit=8000",
            429,
            "rate_limit_error",
            (
                "This request would exceed your organization's rate limit of 8,000 output tokens per minute. "
                "Please try again later."
            ),
            {
                "x-should-retry": "true",
                "retry-after": "3",
                "anthropic-ratelimit-output-tokens-limit": "8000",
                "anthropic-ratelimit-output-tokens-remaining": "0",
                "anthropic-ratelimit-output-tokens-reset": "2027-01-15T08:00:03Z",
            },
        ),
        (
            "rate_limited",
            429,
            "rate_limit_error",
            (
                "This request would exceed your organization's rate limit of 50 requests per minute. "
                "Please try again later."
            ),
            {
                "x-should-retry": "true",
                "retry-after": "1",
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:01Z",
            },
        ),
        (
            "api_error:retry_after=0.5",
            500,
            "api_error",
            "Internal server error",
            {"x-should-retry": "true", "retry-after": "0.5"},
        ),
        ("timed_out", 504, "timeout_error", "Request timed out", {"x-should-retry": "true"}),
        (
            "too_large",
            413,
            "request_too_large",
            "Request exceeds the maximum size",
            {"x-should-retry": "false"},
        ),
        ("unauthorized", 401, "authentication_error", "invalid x-api-key", {"x-should-retry": "false"}),
        (
            "prompt_too_long",
            400,
            "invalid_request_error",
            "prompt is too long: 200001 tokens > 200000 maximum",
            {"x-should-retry": "false"},
        ),
        ("status:code=409", 409, "conflict_error", "conflict error", {"x-should-retry": "true"}),
        ("status:code=503", 503, "api_error", "api error", {"x-should-retry": "true"}),
        ("error_event:type=rate_limit_error", 429, "rate_limit_error", None, {"x-should-retry": "true"}),
    ],
)
def test_errors_are_the_apis(
    spec: str, status: int, kind: str, text: str | None, headers: dict[str, str]
) -> None:
    reply = reply_of(spec)
    error = message(reply)

    assert (reply.status, error["type"], error["error"]["type"]) == (status, "error", kind)
    assert text in {None, error["error"]["message"]}
    assert dict(reply.headers) == {
        "date": "Fri, 15 Jan 2027 08:00:00 GMT",
        "request-id": error["request_id"],
        "content-type": "application/json",
        **headers,
    }


def test_nothing_is_answered_where_a_reply_is_changed() -> None:
    for spec in ("cut", "stall", "truncated", "slow_headers", "malformed"):
        assert instead(read_fault(spec), attempt()) is None
    assert instead(read_fault("error_event"), attempt(stream=True)) is None


@pytest.mark.parametrize(("spec", "ending"), [("hang_up", Ending.CUT), ("hang_up:reset=1", Ending.RESET)])
def test_a_connection_can_just_end(spec: str, ending: Ending) -> None:
    reply = reply_of(spec)

    assert (reply.most, reply.body.ending) == (0, ending)


def test_without_a_clock_nothing_says_a_date() -> None:
    reply = instead(read_fault("overloaded"), attempt())

    assert reply is not None
    assert "date" not in dict(reply.headers)


def test_ids_follow_from_what_is_asked() -> None:
    def request_id(number: int, session: str = "") -> str:
        reply = instead(read_fault("overloaded"), attempt(number, session=session))
        assert reply is not None
        return dict(reply.headers)["request-id"]

    assert request_id(1) == request_id(1)
    assert len({request_id(1), request_id(2), request_id(1, "another")}) == 3


def test_the_last_tool_is_called_again_with_the_same_input() -> None:
    reply = reply_of("tool_loop", messages=CALLED)
    body = message(reply)

    assert body["content"] == [
        {"type": "tool_use", "id": body["content"][0]["id"], "name": "search", "input": {"q": 1}}
    ]
    assert (body["model"], body["stop_reason"]) == ("claude-haiku-4-5", "tool_use")
    assert body["content"][0]["id"].startswith("toolu_01")


def test_each_turn_of_a_loop_has_ids_of_its_own() -> None:
    first = message(reply_of("tool_loop", messages=CALLED))
    second = message(reply_of("tool_loop", messages=CALLED * 2))

    assert first["id"] != second["id"]
    assert first["content"][0]["id"] != second["content"][0]["id"]


def test_a_loop_streams_where_a_stream_is_asked_for() -> None:
    reply = reply_of("tool_loop", messages=CALLED, stream=True)

    assert reply.streamed
    inputs = [data["delta"]["partial_json"] for data in said(reply) if data["type"] == "content_block_delta"]
    assert json.loads("".join(inputs)) == {"q": 1}


def test_another_tool_is_called_without_input() -> None:
    call = call_again(read_fault("tool_loop:tool=weather"), attempt(messages=CALLED).body)

    assert (call.name, call.input) == ("weather", {})
    assert call_again(read_fault("tool_loop:tool=search"), attempt(messages=CALLED).body).input == {"q": 1}
