"""Exchanges made by hand, and the calls that the reader makes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokentape.proxy.frames import Anchor, Ending
from tokentape.proxy.messages.reader import CallReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokentape.proxy.messages.attempts import AttemptTracker
    from tokentape.proxy.messages.call import Call

SALT = b"salt"
WALL = 1_790_000_000.0
STARTED = 100.0
MODEL = "claude-sonnet-4-5-20250929"
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
JSON = (b"content-type", b"application/json")

Headers = list[tuple[bytes, bytes]]


def dump(value: Any) -> bytes:
    """JSON as the official SDK writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def request_body(**fields: Any) -> bytes:
    """A request for one short message."""
    plain = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
    return dump(plain | fields)


def message(**fields: Any) -> dict[str, Any]:
    """A whole message."""
    plain = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": "Hi!"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    return plain | fields


def event(kind: str, **fields: Any) -> bytes:
    """One event as the API writes it."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), dump({"type": kind, **fields}))


def start(**usage: Any) -> bytes:
    """`message_start` with its placeholders."""
    plain = {"input_tokens": 10, "output_tokens": 1}
    return event("message_start", message=message(content=[], stop_reason=None, usage=plain | usage))


def block_start(index: int, kind: str, **fields: Any) -> bytes:
    """`content_block_start`."""
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def delta(index: int, kind: str, **fields: Any) -> bytes:
    """`content_block_delta`."""
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def block_stop(index: int) -> bytes:
    """`content_block_stop`."""
    return event("content_block_stop", index=index)


def end(stop_reason: str | None = "end_turn", **usage: Any) -> bytes:
    """`message_delta` with the final usage, and `message_stop`."""
    final = event("message_delta", delta={"stop_reason": stop_reason}, usage={"output_tokens": 5} | usage)
    return final + event("message_stop")


def text_stream(*texts: str) -> bytes:
    """A whole stream of one text block."""
    deltas = b"".join(delta(0, "text_delta", text=text) for text in texts)
    return start() + block_start(0, "text", text="") + deltas + block_stop(0) + end()


def open_reader(
    *,
    name: str = "relay-0-1",
    method: str = "POST",
    target: str = "/v1/messages",
    headers: Sequence[tuple[bytes, bytes]] = (),
    labels: str = "",
    started: float = STARTED,
    resumed: bool = False,
    attempts: AttemptTracker | None = None,
) -> CallReader:
    """A reader whose monotonic second 100 is second 1,790,000,000 of the epoch."""
    return CallReader(
        id=name,
        engine="relay",
        salt=SALT,
        method=method,
        target=target,
        headers=headers,
        labels=labels,
        started=started,
        anchor=Anchor(wall=WALL, monotonic=STARTED),
        resumed=resumed,
        attempts=attempts,
    )


def read(
    reply: bytes | Iterable[bytes],
    *,
    request: bytes | None = None,
    status: int = 200,
    reply_headers: Sequence[tuple[bytes, bytes]] = (EVENT_STREAM,),
    ending: Ending = Ending.COMPLETE,
    **opening: Any,
) -> Call:
    """The call of one exchange: head after a second, then a piece of the reply every tenth of one."""
    reader = open_reader(**opening)
    began = opening.get("started", STARTED)
    reader.request_body(request_body() if request is None else request)
    reader.request_end()
    at = began + 1.0
    reader.response_head(status, reply_headers, at)
    for piece in [reply] if isinstance(reply, bytes) else reply:
        at += 0.1
        reader.response_body(piece, at)
    return reader.close(ending, "", 0, at)


def read_json(value: Any, **how: Any) -> Call:
    """The call of an exchange with a unary reply."""
    return read(dump(value), reply_headers=[JSON, *how.pop("reply_headers", [])], **how)
