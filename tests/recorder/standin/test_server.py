"""The server: starts, stops, speaks TLS, serves from a thread, and closes what is slow."""

from __future__ import annotations

import asyncio
import json
import ssl
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

import pytest
import trustme
from tests.recorder.standin.asking import AUTH, body, request_bytes, settings
from tests.support.raw_http import Peer
from tests.support.relay import eventually, on_loop

from tokentape.recorder.standin.server import StandIn, standing_in


def ask(connection: HTTPConnection) -> dict[str, Any]:
    """A message over the standard library's client."""
    headers = {name.decode(): value.decode() for name, value in AUTH.items() if name != b"host"}
    connection.request("POST", "/v1/messages", json.dumps(body()), headers)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_it_serves_from_a_thread_until_the_block_ends() -> None:
    with standing_in(settings()) as standin:
        assert standin.url == f"http://127.0.0.1:{standin.port}"
        assert ask(HTTPConnection("127.0.0.1", standin.port))["type"] == "message"

    with pytest.raises(ConnectionRefusedError):
        ask(HTTPConnection("127.0.0.1", standin.port))


def test_it_speaks_tls() -> None:
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)  # pyright: ignore[reportUnknownMemberType] # also takes pyOpenSSL's
    authority.configure_trust(client)  # pyright: ignore[reportUnknownMemberType] # the same

    with standing_in(settings(separate=True), tls=server) as standin:
        assert standin.url.startswith("https://")
        assert ask(HTTPSConnection("127.0.0.1", standin.port, context=client))["type"] == "message"
        assert standin.totals.finished == 1


@on_loop
async def test_stopping_closes_every_connection() -> None:
    async with StandIn(settings()) as standin:
        peers = [await Peer.connect(standin.port) for _ in range(3)]
        peers[0].send(request_bytes(steer={"ttft": 60}))
        await eventually(lambda: len(standin.connections) == 3 and standin.totals.requests == 1)

    for peer in peers:
        await peer.until_closed()
        peer.close()
        await peer.wire.until(lambda peer=peer: peer.wire.lost)  # type: ignore[misc] # a default
    assert standin.connections == set()


def test_two_stand_ins_share_nothing() -> None:
    with standing_in(settings()) as one, standing_in(settings()) as other:
        ask(HTTPConnection("127.0.0.1", one.port))

        assert (one.totals.finished, other.totals.finished) == (1, 0)


def test_it_works_on_the_standard_event_loop() -> None:
    async def scene() -> int:
        async with StandIn(settings(separate=True)) as standin:
            await asyncio.to_thread(ask, HTTPConnection("127.0.0.1", standin.port))
            return standin.totals.finished

    assert asyncio.run(scene()) == 1


@on_loop
async def test_a_slow_client_is_closed_by_the_sweep() -> None:
    async with StandIn(settings()) as standin:
        peer = await Peer.connect(standin.port)
        peer.send(b"POST /v1/mess")
        await eventually(lambda: any(connection._reader.started for connection in standin.connections))
        for connection in standin.connections:
            connection._since -= 3600
        reply = await peer.message(method=b"POST")
        peer.close()
        await peer.wire.until(lambda: peer.wire.lost)

        assert reply is not None
        assert (reply.status, json.loads(reply.body)["type"]) == (408, "error")
