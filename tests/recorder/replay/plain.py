"""Desks for tests: cassettes by name, served by the real player."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokentape.recorder.cassette.interaction import Cassette, Interaction, Request, Response
from tokentape.recorder.replay.desk import Desk
from tokentape.recorder.replay.sessions import shelf_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.recorder.cassette.interaction import Headers

MESSAGES = "https://api.anthropic.com/v1/messages"
STREAM = (("content-type", "text/event-stream; charset=utf-8"), ("request-id", "req_1"))
WHOLE = (("content-type", "application/json"), ("request-id", "req_1"))


def interaction(
    body: Any,
    reply: bytes,
    *,
    method: str = "POST",
    uri: str = MESSAGES,
    status: int = 200,
    headers: Headers = WHOLE,
    **more: Any,
) -> Interaction:
    """A request with this JSON body (`None`: without a body), and its reply."""
    return Interaction(
        request=Request(method=method, uri=uri, body=b"" if body is None else json.dumps(body).encode()),
        response=Response(status=status, body=reply, headers=headers, **more),
    )


def question(text: str, **more: Any) -> dict[str, Any]:
    """The body of a request for a message."""
    return {
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
    } | more


def message(text: str, **more: Any) -> bytes:
    """The body of a reply."""
    value = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    return json.dumps(value | more).encode()


def desk(
    cassettes: dict[str, list[Interaction]] | None = None,
    *,
    speed: float = 0.0,
    mode: str = "strict",
    log: Callable[[str], object] = lambda _: None,
    **named: list[Interaction],
) -> Desk:
    """A desk with these cassettes."""
    both = (cassettes or {}) | named
    shelf = shelf_of(
        {name: Cassette(interactions=tuple(interactions)) for name, interactions in both.items()}, mode=mode
    )
    return Desk(shelf, speed=speed, log=log)
