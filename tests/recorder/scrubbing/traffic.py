"""Interactions with a text in each place that a text can stand in."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tokentape.recorder.cassette.interaction import Arrival, Ending, Interaction, Request, Response, Timing

MESSAGES = "https://api.anthropic.com/v1/messages"
JSON = ("content-type", "application/json")
SSE = ("content-type", "text/event-stream; charset=utf-8")
KEY = "sk-ant-api03-the-key-of-this-session-0001"


def request(
    body: object = None, *, uri: str = MESSAGES, headers: tuple[tuple[str, str], ...] = ()
) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return Request(method="POST", uri=uri, headers=(JSON, *headers), body=data)


def reply(body: object, *, status: int = 200) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=(JSON,), body=data)


def event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def deltas(kind: str, pieces: list[str], index: int = 0) -> list[bytes]:
    """The events of one block: `kind` is text, thinking or partial_json."""
    names = {"text": "text_delta", "thinking": "thinking_delta", "partial_json": "input_json_delta"}
    return [
        event({"type": "content_block_delta", "index": index, "delta": {"type": names[kind], kind: piece}})
        for piece in pieces
    ]


def stream(events: list[bytes], *, ending: Ending = Ending.COMPLETE) -> Response:
    """A streamed reply in which each event came by itself, a second after the one before."""
    arrivals = tuple(Arrival(at=float(at), size=len(one)) for at, one in enumerate(events, 1))
    return Response(
        status=200,
        headers=(SSE,),
        body=b"".join(events),
        ending=ending,
        timing=Timing(headers=0.5, arrivals=arrivals, ended=float(len(events))),
    )


def block_text(body: bytes, kind: str, index: int = 0) -> str:
    """A block's text as a client puts it together."""
    found = [json.loads(line[5:]) for line in body.splitlines() if line.startswith(b"data:")]
    return "".join(
        one["delta"][kind]
        for one in found
        if one["type"] == "content_block_delta" and one["index"] == index and kind in one["delta"]
    )


def places(text: str) -> dict[str, Interaction]:
    """An interaction for each place, with the text in it."""
    quoted = msgspec.json.encode(text).decode()[1:-1].replace("\\n", " ")
    tool_use = {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {"command": text}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": json.dumps({"out": text})}
    thought = {"type": "thinking", "thinking": text, "signature": "c2ln"}
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": text}}
    plain = Interaction(request=request(), response=reply({}))
    asked = {
        "system": {"system": text},
        "message": {"messages": [{"role": "user", "content": text}]},
        "tool use": {"messages": [{"role": "assistant", "content": [tool_use]}]},
        "tool result": {"messages": [{"role": "user", "content": [result]}]},
        "tool": {"tools": [{"name": "run", "description": text}]},
        "batch": {"requests": [{"custom_id": "1", "params": {"system": text}}]},
    }
    answered = {
        "reply": reply({"content": [{"type": "text", "text": text}]}),
        "reply's tool use": reply({"content": [tool_use]}),
        "reply's thinking": reply({"content": [thought]}),
        "error": reply(error, status=400),
        "gateway's page": reply(f"<html>502 {text}</html>".encode(), status=502),
        "batch results": reply(json.dumps({"custom_id": "1", "result": error}).encode() + b"\n"),
        "stream of text": stream(deltas("text", ["Well: ", text, " it is."])),
        "stream of thinking": stream(deltas("thinking", [text])),
        "stream of tool input": stream(deltas("partial_json", [json.dumps({"command": text})])),
        "error event": stream([event(error)]),
        "stream that broke off": stream([deltas("text", [text])[0][:-6]], ending=Ending.CLIENT_ABORT),
        "reason": msgspec.structs.replace(reply({}), reason=quoted),
        "response header": msgspec.structs.replace(
            reply({}), headers=(JSON, ("request-id", quoted), ("x-unknown", quoted))
        ),
    }
    return {
        **{place: msgspec.structs.replace(plain, request=request(body)) for place, body in asked.items()},
        **{place: msgspec.structs.replace(plain, response=body) for place, body in answered.items()},
        "broken request": msgspec.structs.replace(plain, request=request(f'{{"system": "{quoted}'.encode())),
        "plain request": msgspec.structs.replace(plain, request=request(text.encode())),
        "request header": msgspec.structs.replace(
            plain, request=request(headers=(("user-agent", quoted), ("x-unknown", quoted)))
        ),
    }


def all_bytes(interaction: Interaction) -> bytes:
    """Everything of an interaction, with JSON's escapes of line ends undone."""
    return (
        msgspec.json.encode(
            [msgspec.structs.astuple(interaction.request), msgspec.structs.astuple(interaction.response)],
            enc_hook=str,
        )
        + interaction.request.body
        + interaction.response.body
    )
