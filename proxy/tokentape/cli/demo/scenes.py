"""The scenes: what clients of the Messages API do, well and badly, each as one function."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anthropic

from tokentape.cli.demo.clients import Clients, steer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anthropic.types import MessageParam, ToolParam

SONNET: Final = "claude-sonnet-4-6"
HAIKU: Final = "claude-haiku-4-5"
OPUS: Final = "claude-opus-4-8"

_PACE: Final = {"ttft": 0.15, "tokens_per_second": 600.0}
_PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
_WEATHER: Final[ToolParam] = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
_HANDBOOK: Final = (
    "Answer as the handbook says. Rule: be brief, be kind, cite the page you took it from. " * 200
)
"""Some 4,000 tokens: longer than any model's smallest cacheable prompt."""


class Scene(NamedTuple):
    """What happens, in the words of a user, and how."""

    title: str
    play: Callable[[Clients], Awaitable[None]]


async def conversation(clients: Clients) -> None:
    """Three turns, each with all that was said before."""
    client = clients.sync("support")
    messages: list[MessageParam] = []
    for question in ("What is a tape?", "And what is on it?", "Can it be played again?"):
        messages.append({"role": "user", "content": question})
        reply = await asyncio.to_thread(
            client.messages.create,
            model=SONNET,
            max_tokens=400,
            messages=messages,
            extra_headers=steer(**_PACE, output_tokens=60),
        )
        messages.append({"role": "assistant", "content": reply.content})


async def sync_stream(clients: Clients) -> None:
    """One stream, read by a client that blocks."""

    def read() -> None:
        with clients.sync("support").messages.stream(
            model=HAIKU,
            max_tokens=400,
            messages=[{"role": "user", "content": "Count to fifty."}],
            extra_headers=steer(**_PACE, output_tokens=120),
        ) as stream:
            for _ in stream.text_stream:
                pass

    await asyncio.to_thread(read)


async def async_streams(clients: Clients) -> None:
    """Streams side by side, of several models and projects, none like the other."""

    async def read(number: int) -> None:
        client = clients.asynchronous(("support", "search", "checkout")[number % 3])
        async with client.messages.stream(
            model=(SONNET, HAIKU, HAIKU, OPUS)[number % 4],
            max_tokens=1000,
            messages=[{"role": "user", "content": f"Tell tale number {number}."}],
            extra_headers=steer(
                ttft=0.05 + 0.05 * number, tokens_per_second=500.0, output_tokens=40 + 20 * number
            ),
        ) as stream:
            await stream.get_final_message()

    await asyncio.gather(*(read(number) for number in range(12)))


async def tool_loop(clients: Clients) -> None:
    """The model asks for a tool, gets its result, asks again, and answers."""
    client = clients.asynchronous("checkout")
    messages: list[MessageParam] = [{"role": "user", "content": "Will it rain in Oslo, and in Rome?"}]
    while True:
        reply = await client.messages.create(
            model=SONNET,
            max_tokens=500,
            tools=[_WEATHER],
            messages=messages,
            extra_headers=steer(
                **_PACE,
                tool={"name": "get_weather", "input": {"city": ("Oslo", "Rome")[len(messages) // 2 % 2]}},
                tool_turns=2,
            ),
        )
        messages.append({"role": "assistant", "content": reply.content})
        results: list[Any] = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "Rain, 9 degrees."}
            for block in reply.content
            if block.type == "tool_use"
        ]
        if not results:
            return
        messages.append({"role": "user", "content": results})


async def vision(clients: Clients) -> None:
    """A picture and a question about it."""
    await clients.asynchronous("checkout").messages.create(
        model=SONNET,
        max_tokens=300,
        messages=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": _PIXEL},
                    },
                    {"type": "text", "text": "What is this?"},
                ],
            }
        ],
        extra_headers=steer(**_PACE, output_tokens=50),
    )


async def caching(clients: Clients) -> None:
    """A long system prompt: written to the cache by the first call, read from it by the next ones."""
    for question in ("How do I return a shirt?", "And shoes?", "By when?", "Who pays?"):
        async with clients.asynchronous("support").messages.stream(
            model=SONNET,
            max_tokens=400,
            system=[{"type": "text", "text": _HANDBOOK, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": question}],
            extra_headers=steer(**_PACE, output_tokens=70),
        ) as stream:
            await stream.get_final_message()


async def thinking(clients: Clients) -> None:
    """The model thinks before it speaks."""
    async with clients.asynchronous("search").messages.stream(
        model=OPUS,
        max_tokens=4000,
        thinking={"type": "adaptive"},
        messages=[{"role": "user", "content": "Is 1,234,567 a prime?"}],
        extra_headers=steer(**_PACE, output_tokens=200, thinking_tokens=120),
    ) as stream:
        await stream.get_final_message()


async def truncation(clients: Clients) -> None:
    """An answer longer than max_tokens."""
    await clients.asynchronous("search").messages.create(
        model=HAIKU,
        max_tokens=32,
        messages=[{"role": "user", "content": "Recite all of it."}],
        extra_headers=steer(**_PACE, output_tokens=500),
    )


async def retries(clients: Clients) -> None:
    """Refused for the rate, then for overload, then answered: the SDK tries again by itself."""
    await clients.asynchronous("checkout").messages.create(
        model=SONNET,
        max_tokens=300,
        messages=[{"role": "user", "content": "Are you there?"}],
        extra_headers=steer(
            fault="rate_limited:times=1,retry_after_ms=50;overloaded:times=1", id=uuid.uuid4().hex
        ),
    )


async def broken_stream(clients: Clients) -> None:
    """An error event inside a stream that began well."""
    try:
        async with clients.asynchronous("search").messages.stream(
            model=OPUS,
            max_tokens=400,
            messages=[{"role": "user", "content": "Begin, then fail."}],
            extra_headers=steer(**_PACE, output_tokens=80, fault="error_event:after=8"),
        ) as stream:
            await stream.get_final_message()
    except anthropic.APIError:
        pass


async def aborted_stream(clients: Clients) -> None:
    """A client that has read enough."""
    async with clients.asynchronous("search").messages.stream(
        model=SONNET,
        max_tokens=4000,
        messages=[{"role": "user", "content": "Never stop."}],
        extra_headers=steer(ttft=0.1, tokens_per_second=200.0, output_tokens=4000),
    ) as stream:
        read = 0
        async for _ in stream.text_stream:
            read += 1
            if read == 10:
                return


async def other_endpoints(clients: Clients) -> None:
    """Counting tokens and listing models."""
    client = clients.asynchronous("support")
    await client.messages.count_tokens(
        model=SONNET, messages=[{"role": "user", "content": "How long is this?"}]
    )
    await client.models.list()


SCENES: Final = (
    Scene("a conversation of three turns", conversation),
    Scene("a stream, read by a client that blocks", sync_stream),
    Scene("twelve streams at once, three models, three projects", async_streams),
    Scene("a tool loop: two tool calls, then an answer", tool_loop),
    Scene("a picture and a question about it", vision),
    Scene("a prompt cached: written once, read three times", caching),
    Scene("thinking before speaking", thinking),
    Scene("an answer cut at max_tokens", truncation),
    Scene("429, then 529, then an answer", retries),
    Scene("an error inside a stream", broken_stream),
    Scene("a stream that the client aborts", aborted_stream),
    Scene("counting tokens, listing models", other_endpoints),
)
