"""The requests of an agent's loop: each has all that the one before had, and two messages more."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

from tokentape.recorder.cassette.interaction import Cassette, Interaction, Request, Response

TOOL = {
    "name": "read_file",
    "description": "Reads a file. " * 40,
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
}
REPLY = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Go on."}]}


def picture(size: int = 6000) -> bytes:
    """Bytes that begin like a PNG, always the same."""
    return b"\x89PNG" + random.Random(1).randbytes(size)


def loop(turns: int, *, image: bytes | None = None) -> Cassette:
    """`turns` requests; the first message may have an image."""
    first: list[Any] = [{"type": "text", "text": "Look at all files. " * 30}]
    if image is not None:
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(image).decode()}
        first.append({"type": "image", "source": source})
    messages: list[Any] = [{"role": "user", "content": first}]
    interactions: list[Interaction] = []
    for turn in range(turns):
        body = {"max_tokens": 100, "messages": messages, "model": "claude-sonnet-4-6", "tools": [TOOL]}
        interactions.append(_interaction(body))
        use = {"type": "tool_use", "id": f"toolu_{turn}", "name": "read_file", "input": {"path": f"{turn}"}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{turn}", "content": f"line {turn}\n" * 50}
        messages.append({"role": "assistant", "content": [use]})
        messages.append({"role": "user", "content": [result]})
    return Cassette(interactions=tuple(interactions))


def _interaction(body: dict[str, Any]) -> Interaction:
    uri = "https://api.anthropic.com/v1/messages"
    return Interaction(
        request=Request(method="POST", uri=uri, body=json.dumps(body).encode()),
        response=Response(
            status=200,
            reason="OK",
            headers=(("content-type", "application/json"),),
            body=json.dumps(REPLY).encode(),
        ),
    )
