"""A tool loop, for tests: its cassette, and clients that go through it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.recorder.replay.plain import STREAM, interaction

from tokentape.recorder.cassette.interaction import Arrival, Timing

TURNS = 4
TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}


def events(*values: dict[str, Any]) -> list[bytes]:
    """Server-sent events."""
    return [
        b"event: %b\ndata: %b\n\n" % (value["type"].encode(), msgspec.json.encode(value)) for value in values
    ]


def turn(number: int) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The content of one reply, and its stream: a call of the tool, or at last a text."""
    last = number == TURNS - 1
    whole: dict[str, Any] = (
        {"type": "text", "text": "All looked at."}
        if last
        else {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {"at": number}}
    )
    empty: dict[str, Any] = {"text": ""} if last else {"input": {}}
    opening = whole | empty
    delta = (
        {"type": "text_delta", "text": "All looked at."}
        if last
        else {"type": "input_json_delta", "partial_json": json.dumps({"at": number})}
    )
    start: dict[str, Any] = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10 + number, "output_tokens": 1},
    }
    stream = events(
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": opening},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn" if last else "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    )
    return [whole], stream


def requests() -> list[dict[str, Any]]:
    """The bodies of the loop's requests: each brings the reply before it, and the tool's result."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Look around."}]
    bodies: list[dict[str, Any]] = []
    for number in range(TURNS):
        bodies.append(
            {
                "model": "claude-haiku-4-5",
                "max_tokens": 100,
                "messages": list(messages),
                "tools": [TOOL],
                "stream": True,
            }
        )
        content, _ = turn(number)
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": f"a {number}"}
        messages += [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
    return bodies


def tape() -> list[Any]:
    """The loop as it was recorded, with times: an event each 10 ms."""
    recorded: list[Any] = []
    for number, body in enumerate(requests()):
        stream = turn(number)[1]
        arrivals = tuple(Arrival(0.02 + place / 100, len(event)) for place, event in enumerate(stream))
        timing = Timing(headers=0.01, arrivals=arrivals, ended=0.1)
        recorded.append(interaction(body, b"".join(stream), headers=STREAM, timing=timing))
    return recorded
