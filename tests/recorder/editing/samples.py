"""Recorded interactions made by hand: one conversation with a tool, streamed and not."""

from __future__ import annotations

from typing import Any

from tests.proxy.messages.exchanges import (
    block_start,
    block_stop,
    delta,
    dump,
    end,
    message,
    request_body,
    start,
)

from tokentape.recorder.cassette.interaction import Arrival, Interaction, Request, Response, Timing

RECORDED = 1_790_000_000.0
MESSAGES = "https://api.anthropic.com/v1/messages"
QUESTION = {"role": "user", "content": "Weather in Rome?"}
CALL = {
    "type": "tool_use",
    "id": "toolu_01A2345678901234567890",
    "name": "weather",
    "input": {"city": "Rome"},
}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_01A2345678901234567890", "content": "Sunny"}
TOOL = {"name": "weather", "description": "Says the weather", "input_schema": {"type": "object"}}


def asked(*messages: dict[str, Any], uri: str = MESSAGES, method: str = "POST", **fields: Any) -> Request:
    body = request_body(messages=list(messages), **fields) if messages else b""
    headers = (("content-type", "application/json"), ("anthropic-version", "2023-06-01"))
    return Request(method=method, uri=uri, headers=headers, body=body)


def answered(body: bytes, *, status: int = 200, kind: str = "application/json") -> Response:
    return Response(status=status, reason="", headers=(("content-type", kind),), body=body)


def streamed(*events: bytes, gap: float = 0.5) -> Response:
    """A stream whose events came one by one."""
    arrivals = tuple(Arrival(at=gap * at, size=len(one)) for at, one in enumerate(events, 2))
    return Response(
        status=200,
        headers=(("content-type", "text/event-stream; charset=utf-8"),),
        body=b"".join(events),
        timing=Timing(headers=gap, arrivals=arrivals, ended=gap * (len(events) + 1)),
    )


def said(text: str, **fields: Any) -> Response:
    """A reply that says a text."""
    return answered(dump(message(content=[{"type": "text", "text": text}], **fields)))


def first_turn() -> Interaction:
    """A question, and a streamed reply that thinks and calls a tool."""
    reply = streamed(
        start(),
        block_start(0, "thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="Rome,"),
        delta(0, "thinking_delta", thinking=" then."),
        delta(0, "signature_delta", signature="c2ln"),
        block_stop(0),
        block_start(1, "tool_use", id=CALL["id"], name="weather", input={}),
        delta(1, "input_json_delta", partial_json='{"city"'),
        delta(1, "input_json_delta", partial_json=': "Rome"}'),
        block_stop(1),
        end("tool_use"),
    )
    request = asked(QUESTION, system="Be brief.", tools=[TOOL], stream=True)
    return Interaction(request=request, response=reply, recorded_at=RECORDED)


def second_turn(text: str = "Sunny in Rome.") -> Interaction:
    """The tool's result, and the answer."""
    messages: list[dict[str, Any]] = [
        QUESTION,
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [RESULT]},
    ]
    request = asked(*messages, system="Be brief.", tools=[TOOL])
    return Interaction(request=request, response=said(text), recorded_at=RECORDED + 60)


def conversation() -> tuple[Interaction, ...]:
    """Both turns."""
    return first_turn(), second_turn()
