"""A corporate proxy in the way: CONNECT, its credentials, its refusals, and who goes around it."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

import pytest
from tests.support.certificates import authority, server_context
from tests.support.raw_http import Peer, Wire
from tests.support.relay import GET, OK, ScriptedUpstream, answering, eventually, on_loop, relay_bed
from tests.support.replies import own_error

if TYPE_CHECKING:
    from pathlib import Path

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE names the authority of the tests."""
    bundle = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


class ConnectProxy:
    """Answers CONNECT, and then carries bytes both ways."""

    def __init__(self, answer: bytes = ESTABLISHED) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self._server = ScriptedUpstream(self._serve)

    async def start(self) -> dict[str, str]:
        """The environment that sends clients here."""
        await self._server.start()
        return {"HTTPS_PROXY": f"http://me:s%40cret@127.0.0.1:{self._server.port}"}

    async def stop(self) -> None:
        await self._server.stop()
        assert self._server.failures == []

    async def _serve(self, client: Peer) -> None:
        await client.until_seen(b"\r\n\r\n")
        head = client.received
        client.wire.data.clear()
        self.asked.append(head)
        if not self.answer.startswith(b"HTTP/1.1 200"):
            client.send(self.answer)
            client.close()
            return
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        there = await Peer.connect(port)
        client.send(self.answer)
        await asyncio.gather(_carry(client.wire, there.wire), _carry(there.wire, client.wire))


async def _carry(source: Wire, target: Wire) -> None:
    while True:
        await source.until(lambda: bool(source.data) or source.eof or source.lost)
        if not source.data:
            break
        data = bytes(source.data)
        source.data.clear()
        target.transport.write(data)
    target.transport.close()


@on_loop
async def test_requests_go_through_the_tunnel_with_credentials_for_the_proxy_only() -> None:
    proxy = ConnectProxy()
    environment = await proxy.start()
    url, tls = "https://localhost:PORT", server_context("localhost")
    async with relay_bed(answering(OK), tls=tls, upstream_url=url, environment=environment) as bed:
        for _ in range(2):
            reply = await bed.ask(b"GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: mine\r\n\r\n")
            assert reply.body == b"hi"
        target = b"localhost:%d" % bed.upstream.port
        credentials = base64.b64encode(b"me:s@cret")
        assert proxy.asked == [
            b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nProxy-Authorization: Basic %b\r\n\r\n"
            % (target, target, credentials)
        ]
        seen = await bed.observed()
        assert {one.head for one in seen} == {b"GET / HTTP/1.1\r\nHost: " + target + b"\r\n\r\n"}
    await proxy.stop()


@on_loop
async def test_large_bodies_pass_through_the_tunnel_both_ways() -> None:
    async def echo(peer: Peer) -> None:
        while request := await peer.message():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)

    proxy = ConnectProxy()
    environment = await proxy.start()
    url, tls = "https://localhost:PORT", server_context("localhost")
    async with relay_bed(echo, tls=tls, upstream_url=url, environment=environment) as bed:
        body = bytes(range(256)) * 8000
        raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        assert (await bed.ask(raw, b"POST")).body == body
    await proxy.stop()


@pytest.mark.parametrize("no_proxy", ["localhost", "example.test,localhost", "*"])
@on_loop
async def test_no_proxy_goes_around_it(no_proxy: str) -> None:
    proxy = ConnectProxy()
    environment = {**await proxy.start(), "NO_PROXY": no_proxy}
    url, tls = "https://localhost:PORT", server_context("localhost")
    async with relay_bed(answering(OK), tls=tls, upstream_url=url, environment=environment) as bed:
        assert (await bed.ask(GET)).body == b"hi"
        assert proxy.asked == []
    await proxy.stop()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "with status 407"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\nblocked", "with status 403"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "with what is not HTTP"),
        (b"HTTP/1.1 407 Proxy", "closed the connection at CONNECT"),
        (b"", "closed the connection at CONNECT"),
    ],
)
@on_loop
async def test_a_refusal_of_the_proxy_is_a_502_that_names_it(answer: bytes, expected: str) -> None:
    proxy = ConnectProxy(answer)
    environment = await proxy.start()
    url = "https://localhost:PORT"
    async with relay_bed(answering(OK), upstream_url=url, environment=environment) as bed:
        error = own_error(await bed.ask(GET))
        assert (error.status, error.code) == (502, "upstream_unreachable")
        assert "HTTPS_PROXY 127.0.0.1:" in error.sentence
        assert expected in error.sentence
        assert "cret" not in error.sentence
    await proxy.stop()


@on_loop
async def test_a_proxy_that_is_not_there_is_a_502_that_names_it() -> None:
    environment = {"HTTPS_PROXY": "http://127.0.0.1:1"}
    url = "https://localhost:PORT"
    async with relay_bed(answering(OK), upstream_url=url, environment=environment) as bed:
        error = own_error(await bed.ask(GET))
        assert (error.status, error.code) == (502, "upstream_unreachable")
        assert "HTTPS_PROXY 127.0.0.1:1: Connection refused" in error.sentence


@on_loop
async def test_a_proxy_that_never_answers_is_a_504() -> None:
    async def silent(peer: Peer) -> None:
        await peer.until_closed()

    deaf = ScriptedUpstream(silent)
    await deaf.start()
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{deaf.port}"}
    url = "https://localhost:PORT"
    async with relay_bed(
        answering(OK), upstream_url=url, environment=environment, connect_seconds=0.05
    ) as bed:
        assert own_error(await bed.ask(GET)).code == "connect_timeout"
        await deaf.peers[0].until_closed()
        deaf.peers[0].close()
        await eventually(lambda: deaf.peers[0].wire.lost)
    await deaf.stop()


@on_loop
async def test_the_certificate_is_verified_inside_the_tunnel() -> None:
    proxy = ConnectProxy()
    environment = await proxy.start()
    url, tls = "https://localhost:PORT", server_context("other.test")
    async with relay_bed(answering(OK), tls=tls, upstream_url=url, environment=environment) as bed:
        error = own_error(await bed.ask(GET))
        assert (error.status, error.code, error.retry) == (502, "upstream_certificate", False)
    await proxy.stop()


@on_loop
async def test_a_client_that_leaves_closes_the_tunnel() -> None:
    async def silent(peer: Peer) -> None:
        await peer.message()
        await peer.until_closed()

    proxy = ConnectProxy()
    environment = await proxy.start()
    url, tls = "https://localhost:PORT", server_context("localhost")
    async with relay_bed(silent, tls=tls, upstream_url=url, environment=environment) as bed:
        client = await bed.client()
        client.send(GET)
        await eventually(lambda: bed.relay.live and next(iter(bed.relay.live.values())).upstream)
        await eventually(lambda: bed.upstream.peers)
        client.reset()
        await bed.upstream.peers[0].until_closed()
    await proxy.stop()
