"""Asks the stand-in: prebuilt requests, and the parts of its pure core put together."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tokentape.recorder.standin.api import OWN, answer
from tokentape.recorder.standin.behaviour import Settings
from tokentape.recorder.standin.state import Call, State

MODEL = "claude-haiku-4-5"
SERVED = "claude-haiku-4-5-20251001"
AUTH = {b"x-api-key": b"sk-ant-test", b"anthropic-version": b"2023-06-01", b"host": b"standin"}


def settings(**fields: Any) -> Settings:
    """Settings without padding, so that events can be written down."""
    return msgspec.convert({"padding": False, **fields}, Settings)


def body(**fields: Any) -> dict[str, Any]:
    """A request for a message."""
    question = [{"role": "user", "content": "What is a tape?"}]
    return {"model": MODEL, "max_tokens": 1000, "messages": question, **fields}


def ask(
    state: State,
    content: object = None,
    *,
    path: str = "/v1/messages",
    method: str = "POST",
    headers: dict[bytes, bytes] | None = None,
    steer: dict[str, Any] | None = None,
) -> tuple[int, bytes, bytes]:
    """Status, head and body of the answer, counted as if it had been written to a socket."""
    content = body() if content is None else content
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    sent = dict(AUTH if headers is None else headers)
    if steer is not None:
        sent[b"x-standin-behaviour"] = json.dumps(steer).encode()
    reply = answer(state, Call(method.encode(), path.encode(), sent, raw))
    if reply.tally.endpoint != OWN:
        state.totals.finish(reply.tally, reply.size)
    head, *pieces = reply.pieces
    head, _, begun = head.partition(b"\r\n\r\n")
    return int(head.split()[1]), head, begun + b"".join(pieces)


def ask_json(state: State, content: object = None, **more: Any) -> Any:
    """The body of the answer, read as JSON."""
    return json.loads(ask(state, content, **more)[2])


def refusal(state: State, content: object = None, **more: Any) -> tuple[int, str, str]:
    """Status, error type and message of a refusal."""
    status, _, raw = ask(state, content, **more)
    error = json.loads(raw)["error"]
    return status, error["type"], error["message"]


def unchunked(raw: bytes) -> bytes:
    """The payload of a chunked body (RFC 9112, section 7.1)."""
    payload = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        payload += raw[: int(size, 16)]
        raw = raw[int(size, 16) + 2 :]
    return payload


def events(raw: bytes) -> list[dict[str, Any]]:
    """The data of the events of a chunked stream."""
    return [json.loads(event.split(b"data: ", 1)[1]) for event in unchunked(raw).split(b"\n\n") if event]


def request_bytes(
    content: object = None, *, steer: dict[str, Any] | None = None, extra: str = "", version: str = "1.1"
) -> bytes:
    """A whole request for a message, as it goes on the wire."""
    raw = json.dumps(body() if content is None else content).encode()
    lines = [
        f"POST /v1/messages HTTP/{version}",
        "host: standin",
        "x-api-key: sk-ant-test",
        "anthropic-version: 2023-06-01",
        f"content-length: {len(raw)}",
    ]
    if steer is not None:
        lines.append(f"x-standin-behaviour: {json.dumps(steer)}")
    return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode() + raw
