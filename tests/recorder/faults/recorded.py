"""Replies to be struck: a stream, its parts, and a message that is no stream."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tokentape.recorder.faults.attempt import Attempt, read_attempt
from tokentape.recorder.faults.message import data_of, event_of
from tokentape.recorder.wire.body import PING, Body
from tokentape.recorder.wire.reply import Client, Reply, to_answer

USAGE: dict[str, Any] = {
    "input_tokens": 30,
    "cache_creation_input_tokens": 4,
    "cache_read_input_tokens": 1000,
    "output_tokens": 20,
}
QUESTION = [{"role": "user", "content": "What is a tape?"}]
THOUGHT, TEXT, INPUT = "Tapes, then.", "A tape keeps what was said.", {"word": "tape"}
CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": THOUGHT, "signature": "c2lnbmVk"},
    {"type": "text", "text": TEXT},
    {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": INPUT},
]
MESSAGE: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": CONTENT,
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": USAGE | {"output_tokens_details": {"thinking_tokens": 6}},
}


def delta(index: int, field: str, text: str, kind: str = "") -> dict[str, Any]:
    """The data of a delta."""
    inner = {"type": kind or f"{field}_delta", field: text}
    return {"type": "content_block_delta", "index": index, "delta": inner}


def started(index: int, block: dict[str, Any]) -> dict[str, Any]:
    """The data of the event that opens a block."""
    return {"type": "content_block_start", "index": index, "content_block": block}


DATAS: tuple[dict[str, Any], ...] = (
    {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None}},
    started(0, {"type": "thinking", "thinking": "", "signature": ""}),
    {"type": "ping"},
    delta(0, "thinking", THOUGHT),
    delta(0, "signature", "c2lnbmVk"),
    {"type": "content_block_stop", "index": 0},
    started(1, {"type": "text", "text": ""}),
    delta(1, "text", "A tape keeps"),
    delta(1, "text", " what was said."),
    {"type": "content_block_stop", "index": 1},
    started(2, {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {}}),
    delta(2, "partial_json", '{"word": ', "input_json_delta"),
    delta(2, "partial_json", '"tape"}', "input_json_delta"),
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": USAGE | {"output_tokens_details": {"thinking_tokens": 6}},
    },
    {"type": "message_stop"},
)
EVENTS = tuple(PING if data["type"] == "ping" else event_of(data) for data in DATAS)
STREAM_HEADERS = [("Content-Type", "text/event-stream; charset=utf-8"), ("request-id", "req_1")]


def stream(*events: bytes, due: list[float] | None = None, **more: Any) -> Reply:
    """A stream of these events, or of all."""
    body = Body(data=list(events or EVENTS), due=due or [])
    return Reply(status=200, headers=STREAM_HEADERS, body=body, streamed=True, **more)


def whole(value: object = MESSAGE, **more: Any) -> Reply:
    """A reply that is no stream."""
    body = Body(data=[msgspec.json.encode(value)], due=[])
    headers = [("content-type", "application/json"), ("request-id", "req_1")]
    return Reply(status=200, headers=headers, body=body, **more)


def message(reply: Reply) -> dict[str, Any]:
    """The JSON of a reply that is no stream."""
    value: dict[str, Any] = json.loads(b"".join(reply.body.data))
    return value


def said(reply: Reply) -> list[dict[str, Any]]:
    """The data of the events of a stream."""
    return [data_of(event) for event in reply.body.data]


def sent(reply: Reply) -> bytes:
    """All bytes on the wire."""
    return b"".join(to_answer(reply, Client()).pieces)


def attempt(number: int = 0, *, session: str = "", stream: bool = False, **fields: Any) -> Attempt:
    """A request; another number is another one."""
    question = {"model": "claude-haiku-4-5", "max_tokens": 99, "stream": stream, "messages": QUESTION}
    body = json.dumps(question | {"metadata": {"n": number}} | fields).encode()
    return read_attempt("POST", "/v1/messages", body, session=session)
