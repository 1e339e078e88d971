"""Traffic: all that boards show, done by clients to the stand-in through a real proxy."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tokentape.cli.demo.clients import Clients
from tokentape.cli.demo.scenes import SCENES

if TYPE_CHECKING:
    from collections.abc import Mapping

HAIKU: Final = "claude-haiku-4-5"
SONNET: Final = "claude-sonnet-4-6"
OPUS: Final = "claude-opus-4-8"
LATE: Final = "late"
"""A project that is seen for the first time while Prometheus is scraping."""

_KEY: Final = {"x-api-key": "sk-ant-test"}
_LONG: Final = "Be brief, be kind, cite the page that you took it from. " * 400
_LOOPING: Final[list[dict[str, Any]]] = [
    {"role": "user", "content": "Will it rain?"},
    *(
        turn
        for number in range(6)
        for turn in (
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "tool_use",
                        "id": f"toolu_{number}",
                        "name": "get_weather",
                        "input": {"city": "Oslo"},
                    }
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "?"}],
            },
        )
    ),
]
_TOOL: Final = {"name": "get_weather", "input_schema": {"type": "object"}}


def play(base_url: str) -> None:
    """Every scene of the demo at once, and what it has no scene for."""
    asyncio.run(_demo(base_url))
    for side in (_caches, _oddities, _batch):
        side(base_url)


def call(base_url: str, project: str, behaviour: Mapping[str, Any] | None = None, **body: Any) -> int:
    """One message call that is no stream; its status."""
    asked = {
        "model": SONNET,
        "max_tokens": 600,
        "messages": [{"role": "user", "content": "Say something."}],
    } | body
    headers = {"x-standin-behaviour": json.dumps(behaviour)} if behaviour else {}
    status, _ = _send(base_url, "POST", f"/@project={project}/v1/messages", asked, _KEY | headers)
    return status


def subscribe(base_url: str, project: str) -> None:
    """One call on a subscription's credential."""
    asked = {"model": SONNET, "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": "Bearer sk-ant-oat01-test"}
    _send(base_url, "POST", f"/@project={project}/v1/messages", asked, headers)


def refuse(base_url: str) -> None:
    """One request that is none."""
    host, _, port = urlsplit(base_url).netloc.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"NOT HTTP AT ALL\r\n\r\n")
        while connection.recv(4096):
            pass


def near_limits(base_url: str) -> None:
    """Some calls under limits so small that it takes a minute until they are whole again."""
    small = {"requests": 20, "input_tokens": 9000, "output_tokens": 2000}
    for model in (SONNET, HAIKU, OPUS):
        call(
            base_url,
            "checkout",
            {"rate_limits": small, "output_tokens": 300},
            model=model,
            messages=[{"role": "user", "content": _LONG}],
        )


async def _demo(base_url: str) -> None:
    async with Clients(base_url) as clients:
        await asyncio.gather(*(scene.play(clients) for scene in SCENES))


def _caches(base_url: str) -> None:
    """Written for an hour, read, and marked in vain."""
    lasting = {"type": "text", "text": _LONG, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    for question in ("one", "two", "three"):
        call(base_url, "search", system=[lasting], messages=[{"role": "user", "content": question}])
    short = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
    for _ in range(3):
        call(base_url, "support", system=[short])


def _oddities(base_url: str) -> None:
    """A model without a price, one that stands in for another, a tool loop, a subscription, a search."""
    call(base_url, "search", {"any_model": True}, model="claude-unheard-of-9")
    call(base_url, "checkout", {"served_model": HAIKU}, model=OPUS)
    call(base_url, "checkout", tools=[_TOOL], messages=_LOOPING)
    subscribe(base_url, "support")
    refuse(base_url)
    call(base_url, "search", {"unknown_event": True, "output_tokens": 400}, model=OPUS, stream=True)


def _batch(base_url: str) -> None:
    """Two requests, made, looked at, and fetched."""
    params = {"model": SONNET, "max_tokens": 300, "messages": [{"role": "user", "content": "Sum up."}]}
    asked = {"requests": [{"custom_id": name, "params": params} for name in ("a", "b")]}
    root = "/@project=search/v1/messages/batches"
    _, made = _send(base_url, "POST", root, asked, _KEY)
    batch = json.loads(made)["id"]
    _send(base_url, "GET", f"{root}/{batch}", None, _KEY)
    _send(base_url, "GET", f"{root}/{batch}/results", None, _KEY)


def _send(base_url: str, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    try:
        data = None if body is None else json.dumps(body)
        fixed = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
        connection.request(method, path, data, fixed | dict(headers))
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


class Hanging:
    """A stream that is open until the block ends: what is under way is seen, too."""

    def __init__(self, base_url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=60)

    def __enter__(self) -> None:
        body: dict[str, Any] = {"model": HAIKU, "max_tokens": 4000, "stream": True}
        body["messages"] = [{"role": "user", "content": "Slowly."}]
        slow = {"tokens_per_second": 5.0, "output_tokens": 4000}
        headers = {**_KEY, "content-type": "application/json", "x-standin-behaviour": json.dumps(slow)}
        self._connection.request("POST", "/@project=support/v1/messages", json.dumps(body), headers)
        self._connection.getresponse().readline()

    def __exit__(self, *_error: object) -> None:
        self._connection.close()
