"""What is sent, and what the upstream is told to answer.

The request head is the one that the official Python SDK 2.12 sends, header for header.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

MODEL = "claude-sonnet-5-5"
CHUNK_TOKENS = 4
"""Tokens that each delta of a stream carries: about what the API sends."""
_EVENTS_AROUND_DELTAS = 6
"""message_start, content_block_start, ping, content_block_stop, message_delta, message_stop."""

SDK_HEADERS = (
    ("accept-encoding", "gzip, deflate, br"),
    ("connection", "keep-alive"),
    ("x-stainless-timeout", "600"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-read-timeout", "600"),
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("user-agent", "Anthropic/Python 2.12.0"),
    ("x-stainless-lang", "python"),
    ("x-stainless-package-version", "2.12.0"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-runtime-version", "3.13.0"),
    ("authorization", "Bearer sk-ant-benchmark"),
    ("x-stainless-async", "false"),
    ("anthropic-version", "2026-10-21"),
)


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """One request that is sent again and again, and the reply that it gets."""

    body: bytes
    behaviour: dict[str, Any]
    """Of the stand-in upstream."""
    events: int = 0
    """Events of the reply; 0 where it is no stream."""
    path: str = "/v1/messages"
    headers: tuple[tuple[str, str], ...] = SDK_HEADERS

    def request(self, port: int, prefix: str = "") -> bytes:
        """The whole request as it goes on the wire."""
        head = [f"POST {prefix}{self.path} HTTP/1.1", f"host: 127.0.0.1:{port}"]
        head += [f"{name}: {value}" for name, value in self.headers]
        head += [f"content-length: {len(self.body)}", "", ""]
        return "\r\n".join(head).encode() + self.body


def unary(request_bytes: int, *, reply_tokens: int = 170, repeat: bool = True) -> Traffic:
    """A call without a stream, with a request body of that size; 170 tokens make a reply of 1 KB.

    With `repeat` the upstream gives one rendered reply again and again, so that it is no bottleneck;
    without, it reads and answers each request afresh, as an upstream does.
    """
    behaviour = _behaviour(reply_tokens) | {"repeat": repeat}
    return Traffic(body=_body(request_bytes, stream=False), behaviour=behaviour)


def stream(events: int, *, per_second: float = 0) -> Traffic:
    """A stream of that many events, each in an upstream write of its own; 0 a second: as fast as it goes."""
    tokens = (events - _EVENTS_AROUND_DELTAS) * CHUNK_TOKENS
    behaviour = _behaviour(tokens) | {"separate": True, "tokens_per_second": per_second * CHUNK_TOKENS}
    return Traffic(body=_body(4096, stream=True), behaviour=behaviour, events=events)


def _behaviour(tokens: int) -> dict[str, Any]:
    return {"output_tokens": tokens, "chunk_tokens": CHUNK_TOKENS, "repeat": True}


def _body(size: int, *, stream: bool) -> bytes:
    """A conversation of turns of about 1,000 characters, exactly `size` bytes long."""
    turns = max(1, size // 1200)
    messages: list[dict[str, str]] = [
        {"role": ("user", "assistant")[turn % 2], "content": _text(turn, 1000)} for turn in range(turns)
    ]
    if turns % 2 == 0:
        messages.append({"role": "user", "content": "Go on."})
    request = {"model": MODEL, "max_tokens": 4096, "stream": stream, "messages": messages}
    messages[-1]["content"] += "." * (size - len(_dump(request)))
    return _dump(request)


def _dump(value: object) -> bytes:
    """JSON as the SDK writes it: compact, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _text(turn: int, characters: int) -> str:
    words = f'turn {turn}: the quick brown fox said “yes”\nand "no", then jumped over the lazy dog. '
    return (words * (characters // len(words) + 1))[:characters]
