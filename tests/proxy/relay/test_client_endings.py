"""Replies that come before their request has ended, and clients that leave before their reply."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from tests.support.raw_http import chunks
from tests.support.relay import GET, OK, answering, eventually, on_loop, only, relay_bed
from tests.support.replies import error_of

from tokentape.proxy.frames import Ending

if TYPE_CHECKING:
    from tests.support.raw_http import Peer


# Bodies that are too large, and replies that come early.


@pytest.mark.parametrize("chunked", [False, True])
@on_loop
async def test_a_client_that_still_sends_a_70_mb_body_receives_the_413(*, chunked: bool) -> None:
    size, piece = 70 * 1024 * 1024, b"x" * (256 * 1024)
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    part = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece

    async def swallow(peer: Peer) -> None:
        while not peer.closed:
            await peer.until_received(1)
            peer.wire.data.clear()

    async with relay_bed(swallow) as bed:
        client = await bed.client()
        client.send(b"POST /v1/files HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n")
        for _ in range(size // len(piece)):
            client.send(part)
            await eventually(lambda: client.wire.transport.get_write_buffer_size() < 1024 * 1024)
        reply = await client.message(method=b"POST")
        assert error_of(reply) == (413, "request_too_large", "body_too_large")
        assert await client.until_closed() == b""
        client.close()


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Content-Length: 5", b"large"),
        (b"X: y", b"large"),
        (b"Transfer-Encoding: chunked", b"5\r\nlarge\r\n0\r\n\r\n"),
    ],
)
@on_loop
async def test_an_early_reply_ends_the_connection_without_waiting_for_the_body(
    framing: bytes, body: bytes
) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.until_received(1)
        peer.send(b"HTTP/1.1 413 Too Large\r\n" + framing + b"\r\n\r\n" + body)
        if framing == b"X: y":
            peer.close()
        await peer.until_closed()

    async with relay_bed(refuse) as bed:
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nthe first bytes")
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert (reply.status, reply.body, reply.complete) == (413, b"large", True)
        assert reply.header(b"connection") == b"close"
        assert await client.until_closed() == b""
        client.send(b"more that nobody wants")
        client.close()
        exchange = await only(bed)
        assert (exchange.ending, exchange.request_ended) == (Ending.COMPLETE, False)
        await bed.upstream.peers[0].until_closed()
        assert bed.relay.pool.connections == set()


@on_loop
async def test_an_answer_of_an_upstream_that_hangs_up_on_a_large_upload_is_not_lost() -> None:
    """It closes with bytes unread, so the next write to it would fail, and take the answer along."""

    def hang_up(listener: socket.socket, count: int) -> None:
        for _ in range(count):
            upstream, _ = listener.accept()
            with upstream:
                while b"\r\n\r\n" not in upstream.recv(65536):
                    pass
                upstream.sendall(
                    b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlarge"
                )

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        hanging_up = asyncio.create_task(asyncio.to_thread(hang_up, listener, 20))
        async with relay_bed(answering(OK), upstream_url=url) as bed:
            statuses: list[int] = []
            for _ in range(20):
                client = await bed.client()
                client.send(
                    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 20_000_000
                )
                reply = await client.message(method=b"POST")
                assert reply is not None
                statuses.append(reply.status)
                client.reset()
            # A byte on its way as the other side resets can still cost one of many.
            assert statuses.count(413) >= 18
        await hanging_up


@on_loop
async def test_a_request_that_ends_inside_its_early_reply_still_ends_the_connection() -> None:
    """`Connection: close` was promised when the reply began."""
    ended = asyncio.Event()

    async def early(peer: Peer) -> None:
        await peer.until_received(1)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await ended.wait()
        peer.send(b"cd")

    async with relay_bed(early) as bed:
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
        await client.wire.until(lambda: client.received.endswith(b"ab"))
        client.send(b"y")
        await eventually(lambda: b"xy" in bed.upstream.peers[0].received)
        ended.set()
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert (reply.body, reply.header(b"connection")) == (b"abcd", b"close")
        assert await client.until_closed() == b""


@on_loop
async def test_expect_100_continue_goes_end_to_end() -> None:
    """Nothing here invents a 100, and nothing waits for one that the upstream does not send."""

    async def script(peer: Peer) -> None:
        await peer.until_seen(b"\r\n\r\n")
        assert b"\r\nexpect: 100-Continue\r\n" in peer.received
        assert peer.received.endswith(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 100 Continue\r\nX-Wait: no more\r\n\r\n")
        request = await peer.message()
        assert request is not None
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body))
        await peer.until_closed()

    async with relay_bed(script) as bed:
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nexpect: 100-Continue\r\nContent-Length: 4\r\n\r\n")
        await client.until_seen(b"\r\n\r\n")
        client.send(b"body")
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert reply.interim == [b"HTTP/1.1 100 Continue\r\nX-Wait: no more\r\n\r\n"]
        assert reply.body == b"body"


@on_loop
async def test_an_http_1_0_client_gets_no_interim_replies_and_no_chunks() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
    body = chunks([b"abc", b"de"], b"X: y\r\n")
    async with relay_bed(answering(interim + head + body)) as bed:
        client = await bed.client()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert await client.until_closed() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde"
        exchange = await only(bed)
        assert exchange.head == b"GET / HTTP/1.1\r\nHost: " + bed.relay.host + b"\r\n\r\n"
        assert exchange.response_body == b"abcde"


# Clients that leave.


@on_loop
async def test_a_half_closed_client_is_told_so_and_its_upstream_is_closed_at_once() -> None:
    async def silent(peer: Peer) -> None:
        await peer.message()
        await peer.until_closed()

    async with relay_bed(silent) as bed:
        client = await bed.client()
        client.send(GET)
        await eventually(lambda: bed.upstream.peers)
        client.half_close()
        assert error_of(await client.message(method=b"GET")) == (
            400,
            "invalid_request_error",
            "half_closed",
        )
        await eventually(lambda: not bed.relay.clients)
        await bed.upstream.peers[0].until_closed()
        exchange = await only(bed)
        assert (exchange.ending, exchange.status) == (Ending.CLIENT_ABORT, 0)


@on_loop
async def test_a_client_that_half_closes_inside_its_head_is_told_so() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(GET[:-2])
        client.half_close()
        assert error_of(await client.message(method=b"GET"))[2] == "half_closed"
        await eventually(lambda: not bed.relay.clients)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("when", ["before the reply", "inside the reply", "inside the request"])
@on_loop
async def test_a_client_that_leaves_has_its_upstream_closed_at_once(how: str, when: str) -> None:
    async def streaming(peer: Peer) -> None:
        await peer.until_received(1)
        if when == "inside the reply":
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await peer.until_closed()

    async with relay_bed(streaming) as bed:
        client = await bed.client()
        client.send(GET if when != "inside the request" else GET[:-2] + b"Content-Length: 9\r\n\r\nabc")
        await eventually(lambda: bed.upstream.peers and bed.upstream.peers[0].wire.data)
        if when == "inside the reply":
            await client.until_seen(b"abc")
        client.close() if how == "close" else client.reset()
        await bed.upstream.peers[0].until_closed()
        await eventually(lambda: not bed.relay.clients and not bed.relay.pool.connections)
        exchange = await only(bed)
        assert (exchange.ending, exchange.status) == (Ending.CLIENT_ABORT, 0)
