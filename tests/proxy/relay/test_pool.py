"""Reaching the upstream: what fails is one clear sentence, and TLS is verified."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest
from tests.support.certificates import authority, server_context
from tests.support.ports import closed_port, deaf_port
from tests.support.relay import GET, OK, answering, eventually, on_loop, relay_bed
from tests.support.replies import OwnError, own_error

from tokentape.proxy.frames import Ending, Flag

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.raw_http import Peer


@on_loop
async def test_an_unreachable_upstream_is_a_502_that_says_what_to_check() -> None:
    port = closed_port()
    async with relay_bed(answering(OK), upstream_url=f"http://127.0.0.1:{port}") as bed:
        reply = await bed.ask(GET)
        assert own_error(reply) == OwnError(
            502,
            "api_error",
            "upstream_unreachable",
            f"127.0.0.1:{port} cannot be reached (Connection refused): check the network and --upstream.",
            retry=True,
        )
        [seen] = await bed.observed()
        assert (seen.ending, seen.status, seen.reason) == (
            Ending.PROXY_ERROR,
            502,
            "upstream_unreachable",
        )


@pytest.mark.parametrize("host", ["does-not-exist.invalid", "a" * 64 + ".test", "x..test"])
@on_loop
async def test_a_name_that_does_not_resolve_is_a_502(host: str) -> None:
    """Names that cannot even be asked for included."""
    async with relay_bed(answering(OK), upstream_url=f"http://{host}:1") as bed:
        error = own_error(await bed.ask(GET))
        assert (error.status, error.code) == (502, "upstream_unreachable")
        assert error.sentence.startswith(f"{host}:1 cannot be reached (")
        assert "()" not in error.sentence


@on_loop
async def test_a_connection_that_takes_too_long_is_a_504() -> None:
    with deaf_port() as port:
        url = f"http://127.0.0.1:{port}"
        async with relay_bed(answering(OK), upstream_url=url, connect_seconds=0.05) as bed:
            assert own_error(await bed.ask(GET)) == OwnError(
                504,
                "timeout_error",
                "connect_timeout",
                f"127.0.0.1:{port} did not accept a connection within 0.05 s: check the network.",
                retry=True,
            )
            [seen] = await bed.observed()
            assert (seen.ending, seen.status) == (Ending.TIMEOUT, 504)


@on_loop
async def test_a_body_is_held_back_while_there_is_no_connection() -> None:
    with deaf_port() as port:
        url = f"http://127.0.0.1:{port}"
        async with relay_bed(answering(OK), upstream_url=url, connect_seconds=0.3) as bed:
            client = await bed.client()
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n" + b"x" * 60_000_000)
            held = 0
            while bed.relay.live or not bed.relay.carried:
                for exchange in bed.relay.live.values():
                    held = max(held, exchange.held_bytes)
                await asyncio.sleep(0.001)
            assert 0 < held < 1024 * 1024
            reply = await client.message(method=b"POST")
            assert reply is not None
            assert reply.status == 504


@on_loop
async def test_a_client_that_leaves_while_connecting_leaves_nothing_behind() -> None:
    with deaf_port() as port:
        url = f"http://127.0.0.1:{port}"
        async with relay_bed(answering(OK), upstream_url=url, connect_seconds=0.2) as bed:
            client = await bed.client()
            client.send(GET)
            await eventually(lambda: bed.relay.live)
            client.reset()
            [seen] = await bed.observed()
            assert seen.ending == Ending.CLIENT_ABORT
            await eventually(lambda: not bed.relay.pool._tasks)


@on_loop
async def test_connections_are_made_without_a_cap_and_used_again() -> None:
    waiting: list[Peer] = []

    async def together(peer: Peer) -> None:
        while await peer.message():
            waiting.append(peer)
            if len(waiting) == 50:
                for one in waiting:
                    one.send(OK)
                waiting.clear()

    async with relay_bed(together) as bed:
        for _ in range(3):
            clients = [await bed.client() for _ in range(50)]
            for client in clients:
                client.send(GET)
            for client in clients:
                reply = await client.message(method=b"GET")
                assert reply is not None
                assert reply.body == b"hi"
        assert len(bed.upstream.peers) == 50
        fresh = [bool(seen.flags & Flag.FRESH_CONNECTION) for seen in await bed.observed()]
        assert (len(fresh), sum(fresh), sum(fresh[:50])) == (150, 50, 50)


# TLS.


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE names the authority of the tests."""
    bundle = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))


@pytest.mark.usefixtures("trusted")
@on_loop
async def test_tls_is_verified_and_ssl_cert_file_is_honoured() -> None:
    chosen: list[str | None] = []

    async def script(peer: Peer) -> None:
        chosen.append(peer.wire.transport.get_extra_info("ssl_object").selected_alpn_protocol())
        while request := await peer.message():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)

    context = server_context("localhost")
    async with relay_bed(script, tls=context, upstream_url="https://localhost:PORT") as bed:
        body = bytes(range(256)) * 4000
        raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        for _ in range(3):
            assert (await bed.ask(raw, b"POST")).body == body
        assert chosen == ["http/1.1"]
        assert bed.relay.host == b"localhost:%d" % bed.upstream.port


@pytest.mark.usefixtures("trusted")
@on_loop
async def test_a_certificate_for_another_name_is_refused() -> None:
    context = server_context("other.test")
    async with relay_bed(answering(OK), tls=context, upstream_url="https://localhost:PORT") as bed:
        error = own_error(await bed.ask(GET))
        assert (error.status, error.code, error.retry) == (502, "upstream_certificate", False)
        assert error.sentence.startswith(
            f"The certificate of localhost:{bed.upstream.port} could not be verified ("
        )
        assert "Hostname mismatch" in error.sentence
        assert "set SSL_CERT_FILE to" in error.sentence
        assert b"GET" not in b"".join(peer.received for peer in bed.upstream.peers)


@on_loop
async def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    context = server_context("localhost")
    async with relay_bed(answering(OK), tls=context, upstream_url="https://localhost:PORT") as bed:
        error = own_error(await bed.ask(GET))
        assert (error.status, error.code, error.retry) == (502, "upstream_certificate", False)
        assert "set SSL_CERT_FILE to a bundle that contains its issuer." in error.sentence


@on_loop
async def test_an_upstream_that_speaks_no_tls_is_a_502() -> None:
    async def plain(peer: Peer) -> None:
        await peer.until_received(1)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.close()

    async with relay_bed(plain, upstream_url="https://localhost:PORT") as bed:
        error = own_error(await bed.ask(GET))
        assert (error.status, error.code) == (502, "upstream_unreachable")
        assert "()" not in error.sentence


@on_loop
async def test_an_upstream_that_hangs_up_in_the_handshake_is_a_502() -> None:
    async def closing(peer: Peer) -> None:
        await peer.until_received(1)
        peer.close()

    async with relay_bed(closing, upstream_url="https://localhost:PORT") as bed:
        error = own_error(await bed.ask(GET))
        assert (error.status, error.code) == (502, "upstream_unreachable")
        assert "()" not in error.sentence


@on_loop
async def test_a_handshake_that_never_ends_is_a_504() -> None:
    async def silent(peer: Peer) -> None:
        await peer.until_closed()

    url = "https://localhost:PORT"
    async with relay_bed(silent, upstream_url=url, connect_seconds=0.1) as bed:
        assert own_error(await bed.ask(GET)).code == "connect_timeout"


@pytest.mark.usefixtures("trusted")
@on_loop
async def test_a_tls_reply_that_breaks_off_breaks_off() -> None:
    go = asyncio.Event()

    async def breaking(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello")
        await go.wait()
        peer.wire.transport.abort()

    context = server_context("localhost")
    async with relay_bed(breaking, tls=context, upstream_url="https://localhost:PORT") as bed:
        client = await bed.client()
        client.send(GET)
        await client.until_seen(b"hello")
        go.set()
        assert (await client.until_closed()).endswith(b"\r\n\r\nhello")
        [seen] = await bed.observed()
        assert seen.ending == Ending.UPSTREAM_ABORT


@pytest.mark.usefixtures("trusted")
@on_loop
async def test_a_client_that_leaves_closes_the_tls_connection_at_once() -> None:
    async def silent(peer: Peer) -> None:
        await peer.message()
        await peer.until_closed()

    context = server_context("localhost")
    async with relay_bed(silent, tls=context, upstream_url="https://localhost:PORT") as bed:
        client = await bed.client()
        client.send(GET)
        await eventually(lambda: bed.relay.live and bed.upstream.peers)
        await eventually(lambda: next(iter(bed.relay.live.values())).upstream)
        client.reset()
        await bed.upstream.peers[0].until_closed()
        [seen] = await bed.observed()
        assert seen.ending == Ending.CLIENT_ABORT


def test_nothing_weaker_than_the_default_context_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from tokentape.proxy.relay.pool import _tls_context

    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    context = _tls_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
