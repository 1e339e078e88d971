"""Every recorded request, sent by a real HTTP client, gets its recorded reply.

The recordings are those of `tests.support.recordings`.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from tests.recorder.replay.plain import desk
from tests.support import recordings
from tests.support.cassettes import to_cassettes
from tests.support.loop import PATIENCE, on_loop

from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.replay.server import ReplayServer

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Cassette, Interaction

Reply = tuple[int, tuple[tuple[str, str], ...], bytes]
"""Status, headers that matter, and body."""

MATTERS = ("content-type", "request-id", "retry-after", "retry-after-ms", "x-should-retry")


@pytest.fixture(scope="module")
def cassettes() -> dict[str, Cassette]:
    root = recordings.folder()
    if root is None:
        pytest.skip(f"{recordings.VARIABLE} names no folder of recordings")
    return to_cassettes(recordings.load(root))


def matters(name: str) -> bool:
    return name in MATTERS or name.startswith("anthropic-")


def unlinked(body: bytes) -> bytes:
    """A body without the host of `results_url`, which must lead to the server that is asked."""
    return re.sub(rb'("results_url": *")http[^"]*(/v1/messages/batches/)', rb"\1\2", body)


def recorded(interaction: Interaction) -> Reply:
    """The reply that its request must get."""
    response = interaction.response
    headers = sorted(
        (name.lower(), value.strip()) for name, value in response.headers if matters(name.lower())
    )
    bodiless = interaction.request.method == "HEAD"
    return response.status, tuple(headers), b"" if bodiless else unlinked(response.body)


async def sent(client: httpx2.AsyncClient, base_url: str, request: Request) -> Reply:
    """The reply that a request gets."""
    parts = urlsplit(request.uri)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    reply = await client.request(
        request.method, base_url + target, content=request.body, headers=list(request.headers)
    )
    headers = sorted((name, value) for name, value in reply.headers.multi_items() if matters(name))
    return reply.status_code, tuple(headers), unlinked(reply.content)


def address(server: ReplayServer, cassette: str, session: str) -> str:
    return f"{server.url}/@cassette={quote(cassette, safe='')},session={session}"


def served(cassettes: dict[str, Cassette]) -> ReplayServer:
    return ReplayServer(desk({name: list(cassette.interactions) for name, cassette in cassettes.items()}))


def http() -> httpx2.AsyncClient:
    """A client without the environment's proxies, and without headers that a recording did not have."""
    client = httpx2.AsyncClient(trust_env=False, timeout=PATIENCE)
    client.headers.clear()
    return client


@pytest.mark.slow
@on_loop
async def test_every_recorded_request_gets_its_reply(cassettes: dict[str, Cassette]) -> None:
    wrong: list[str] = []
    async with served(cassettes) as server, http() as client:
        for name, cassette in cassettes.items():
            for place, interaction in enumerate(cassette.interactions):
                reply = await sent(client, address(server, name, "ordered"), interaction.request)
                if reply != recorded(interaction):
                    wrong.append(f"{name}#{place}: {reply}")

    assert wrong == []
    assert server.desk.shelf.totals.verdicts.keys() == {"exact"}
    assert [session.unplayed() for session in server.desk.shelf.sessions() if session.unplayed()] == []
    assert sum(len(cassette.interactions) for cassette in cassettes.values()) > 2600


@pytest.mark.slow
@on_loop
async def test_shuffled_and_32_at_a_time_every_request_gets_its_reply(cassettes: dict[str, Cassette]) -> None:
    """Of requests that are equal in every byte nobody can say which is which: they get all their replies."""
    asked = [(name, each) for name, cassette in cassettes.items() for each in cassette.interactions]
    random.Random(7).shuffle(asked)
    expected: dict[tuple[str, Request], Counter[Reply]] = defaultdict(Counter)
    got: dict[tuple[str, Request], Counter[Reply]] = defaultdict(Counter)
    for name, interaction in asked:
        expected[name, bare(interaction.request)][recorded(interaction)] += 1
    waiting = iter(asked)

    async def send_some(client: httpx2.AsyncClient) -> None:
        for name, interaction in waiting:
            reply = await sent(client, address(server, name, "shuffled"), interaction.request)
            got[name, bare(interaction.request)][reply] += 1

    async with served(cassettes) as server, http() as client:
        await asyncio.gather(*(send_some(client) for _ in range(32)))

    assert [name for name, replies in expected.items() if got[name] != replies] == []
    assert sum(replies.total() for replies in got.values()) == len(asked)
    assert server.desk.shelf.totals.verdicts.keys() <= {"exact", "normalised"}
    assert [session.unplayed() for session in server.desk.shelf.sessions() if session.unplayed()] == []


def bare(request: Request) -> Request:
    """What tells requests apart: not the headers, among them the number of the attempt."""
    return Request(method=request.method, uri=request.uri, body=request.body)
