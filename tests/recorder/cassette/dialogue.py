"""A recorded dialogue with the API, and the real SDK asking the same again."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import anthropic
from tests.support.upstream import ENDING, MODEL, OPENING, UNARY

from tokentape.recorder.cassette.interaction import (
    Arrival,
    Cassette,
    Interaction,
    Request,
    Response,
    Timing,
)

URL: Final = "https://api.anthropic.com"
QUESTION: Final = "Say \u201chello\u201d, please."
ANSWER: Final = "Hello"
WAYS: Final = ("unary", "stream", "async unary", "async stream")


def interaction(*, stream: bool, question: str = QUESTION) -> Interaction:
    """One exchange as it was on the wire, a stream in two pieces."""
    messages = [{"role": "user", "content": question}]
    asked: dict[str, Any] = {"max_tokens": 100, "messages": messages, "model": MODEL}
    body = OPENING + ENDING if stream else UNARY
    return Interaction(
        request=Request(
            method="POST",
            uri=f"{URL}/v1/messages",
            headers=(("content-type", "application/json"), ("anthropic-version", "2023-06-01")),
            body=json.dumps({**asked, "stream": True} if stream else asked, ensure_ascii=False).encode(),
        ),
        response=Response(
            status=200,
            reason="OK",
            headers=(
                ("content-type", "text/event-stream; charset=utf-8" if stream else "application/json"),
                ("request-id", "req_1"),
            ),
            body=body,
            timing=Timing(
                headers=0.25,
                arrivals=(Arrival(0.3, len(OPENING)), Arrival(0.9, len(ENDING)))
                if stream
                else (Arrival(0.5, len(body)),),
                ended=0.91,
            ),
        ),
        recorded_at=1_763_823_144.123,
    )


def dialogue() -> Cassette:
    """Asked once, and once more as a stream."""
    return Cassette(
        interactions=(interaction(stream=False), interaction(stream=True)),
        metadata={"recorder": "tokentape"},
    )


def answer(way: str, base_url: str = URL) -> str:
    """What the SDK makes of the reply, asked in one of `WAYS`."""
    if way.startswith("async"):
        return asyncio.run(_answered(way, base_url))
    asked: Any = {"max_tokens": 100, "messages": [{"role": "user", "content": QUESTION}], "model": MODEL}
    with anthropic.Anthropic(api_key="sk-ant-test", base_url=base_url, max_retries=0) as client:
        if way == "unary":
            return _text(client.messages.create(**asked))
        with client.messages.stream(**asked) as stream:
            return stream.get_final_text()


async def _answered(way: str, base_url: str) -> str:
    asked: Any = {"max_tokens": 100, "messages": [{"role": "user", "content": QUESTION}], "model": MODEL}
    async with anthropic.AsyncAnthropic(api_key="sk-ant-test", base_url=base_url, max_retries=0) as client:
        if way == "async unary":
            return _text(await client.messages.create(**asked))
        async with client.messages.stream(**asked) as stream:
            return await stream.get_final_text()


def _text(message: Any) -> str:
    return str(message.content[0].text)
