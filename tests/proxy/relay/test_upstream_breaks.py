"""Upstreams that break off: no ending that was not there, and stale connections are replaced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.raw_http import chunks
from tests.support.relay import GET, OK, answering, eventually, on_loop, relay_bed
from tests.support.replies import code_of

from tokentape.proxy.frames import Ending, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.raw_http import Peer
    from tests.support.relay import Bed

    from tokentape.proxy.relay.upstream import UpstreamConnection


POST = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"


async def exchange(bed: Bed, request: bytes = GET) -> bytes:
    """All bytes that answer a request, up to the end of the connection."""
    client = await bed.client()
    client.send(request)
    return await client.until_closed()


# Replies that break off.


FRAMINGS = {
    "length": (b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 11\r\n\r\n", b"hello world"),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        chunks([b"hello", b" world"], b"X-Sum: 1\r\n"),
    ),
    "eof": (b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", b"hello world"),
}


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("framing", sorted(FRAMINGS))
@on_loop
async def test_a_reply_that_breaks_off_at_any_byte_breaks_off_there(framing: str, how: str) -> None:
    """The client sees the bytes so far and no ending that was not there."""
    head, body = FRAMINGS[framing]
    reply = head + body
    cut = asyncio.Queue[tuple[int, asyncio.Event]]()

    async def break_off(peer: Peer) -> None:
        await peer.message()
        end, passed_on = await cut.get()
        peer.send(reply[:end])
        await passed_on.wait()
        peer.reset() if how == "reset" else peer.close()

    async with relay_bed(break_off) as bed:
        for end in range(len(reply)):
            client = await bed.client()
            client.send(GET)
            passed_on = asyncio.Event()
            cut.put_nowait((end, passed_on))
            if end < len(head):
                passed_on.set()
                assert code_of(await client.until_closed()) == "upstream_closed"
                client.close()
                continue
            closing = b"Connection: close\r\n" if framing == "eof" else b""
            expected = head[:-2] + closing + b"\r\n" + body[: end - len(head)]
            await client.until_received(len(expected))
            passed_on.set()
            assert await client.until_closed() == expected
            await eventually(lambda: not bed.relay.clients)
            # Where only the end of the connection marks the end of the reply, it must not look orderly.
            assert client.reset_by_peer == (framing == "eof" and how == "reset")
            client.close()
        exchanges = await bed.observed()
        for end, seen in enumerate(exchanges):
            complete = framing == "eof" and how == "close" and end >= len(head)
            assert seen.ending == (Ending.COMPLETE if complete else Ending.UPSTREAM_ABORT), end
            assert seen.status == (502 if end < len(head) else 0)
            if framing != "chunked":
                assert seen.response_body == body[: max(0, end - len(head))]
        assert len(exchanges) == len(reply)


@on_loop
async def test_a_dechunked_reply_that_breaks_off_does_not_look_complete_to_an_http_1_0_client() -> None:
    passed_on = asyncio.Event()

    async def break_off(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await passed_on.wait()
        peer.close()

    async with relay_bed(break_off) as bed:
        client = await bed.client()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        await client.until_seen(b"hello")
        passed_on.set()
        assert (await client.until_closed()).endswith(b"\r\n\r\nhello")
        await eventually(lambda: client.wire.lost)
        assert client.reset_by_peer


# Connections that went stale.


async def _until_idle(bed: Bed, connections: int = 1) -> None:
    await eventually(lambda: len(bed.relay.pool._idle) == connections)


def stale_once(reply: bytes = OK, *, more: bytes = b"") -> Callable[[Peer], Awaitable[None]]:
    """The first connection answers once, and closes at its second request after sending `more`."""
    numbers = iter(range(100))

    async def script(peer: Peer) -> None:
        first = next(numbers) == 0
        while request := await peer.message():
            assert request.complete
            peer.send(reply)
            if first:
                await peer.until_received(1)
                peer.send(more)
                peer.close()
                return

    return script


@on_loop
async def test_a_stale_connection_is_replaced_once_where_no_byte_of_a_body_was_written() -> None:
    async with relay_bed(stale_once()) as bed:
        assert (await bed.ask(GET)).body == b"hi"
        assert (await bed.ask(GET)).body == b"hi"
        assert len(bed.upstream.peers) == 2
        seen = await bed.observed()
        assert [one.ending for one in seen] == [Ending.COMPLETE, Ending.COMPLETE]
        assert seen[1].kinds == [Kind.OPENED, Kind.RESPONSE_HEAD]


@on_loop
async def test_a_stale_connection_fails_the_call_where_a_body_was_written() -> None:
    async with relay_bed(stale_once()) as bed:
        await bed.ask(POST)
        assert code_of(await exchange(bed, POST)) == "upstream_closed"
        seen = await bed.observed()
        assert (seen[1].ending, seen[1].status) == (Ending.UPSTREAM_ABORT, 502)
        assert len(bed.upstream.peers) == 1
        # The official SDKs try that again by themselves, and then it works.
        assert (await bed.ask(POST)).body == b"hi"


@on_loop
async def test_a_stale_connection_is_replaced_before_a_body_that_is_still_to_come() -> None:
    async with relay_bed(stale_once()) as bed:
        await bed.ask(GET)
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        await eventually(lambda: len(bed.upstream.peers) == 2)
        client.send(b"bo")
        client.send(b"dy")
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert reply.body == b"hi"
        seen = await bed.observed()
        assert (seen[1].request_body, seen[1].request_ended) == (b"body", True)


@on_loop
async def test_a_body_that_comes_while_a_stale_connection_is_replaced_is_sent_and_framed_once() -> None:
    async with relay_bed(stale_once()) as bed:
        await bed.ask(GET)
        go = asyncio.Event()
        open_at_once = bed.relay.pool._open

        async def open_late() -> UpstreamConnection:
            await go.wait()
            return await open_at_once()

        bed.relay.pool._open = open_late  # type: ignore[method-assign]  # a network that takes its time
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        await eventually(lambda: bed.relay.live)
        [exchange] = bed.relay.live.values()
        await eventually(lambda: exchange.retried)
        client.send(b"body")
        await eventually(lambda: exchange.held)
        go.set()
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert reply.body == b"hi"
        assert (await bed.observed())[1].request_body == b"body"


@on_loop
async def test_a_second_stale_connection_in_a_row_fails_the_call() -> None:
    async def once(peer: Peer) -> None:
        if await peer.message() and len(bed.upstream.peers) <= 1:
            peer.send(OK)
            await peer.until_received(1)
        peer.close()

    async with relay_bed(once) as bed:
        assert (await bed.ask(GET)).body == b"hi"
        assert code_of(await exchange(bed)) == "upstream_closed"
        assert len(bed.upstream.peers) == 2


@on_loop
async def test_a_fresh_connection_that_closes_is_not_tried_again() -> None:
    async def closing(peer: Peer) -> None:
        await peer.message()
        peer.close()

    async with relay_bed(closing) as bed:
        assert code_of(await exchange(bed)) == "upstream_closed"
        assert len(bed.upstream.peers) == 1


@on_loop
async def test_a_connection_that_had_begun_to_reply_was_not_stale() -> None:
    """The request has been seen and acted on: sending it again could do it twice."""
    async with relay_bed(stale_once(more=b"HTTP/1.1 200 O")) as bed:
        await bed.ask(GET)
        assert code_of(await exchange(bed)) == "upstream_closed"
        assert len(bed.upstream.peers) == 1


@on_loop
async def test_a_connection_that_closed_while_idle_is_not_used_again() -> None:
    async with relay_bed(answering(OK)) as bed:
        await bed.ask(POST)
        await _until_idle(bed)
        bed.upstream.peers[0].close()
        await eventually(lambda: not bed.relay.pool.connections)
        assert (await bed.ask(POST)).body == b"hi"


@on_loop
async def test_a_close_that_the_loop_has_not_seen_yet_is_found_before_the_connection_is_used() -> None:
    async with relay_bed(answering(OK)) as bed:
        await bed.ask(POST)
        await _until_idle(bed)
        [idle] = bed.relay.pool._idle
        idle.idle_since -= 1  # long enough in the pool to be doubted
        idle.transport.pause_reading()  # so that the loop does not see the end
        bed.upstream.peers[0].close()
        await eventually(lambda: bed.upstream.peers[0].wire.lost)
        assert (await bed.ask(POST)).body == b"hi"
        assert len(bed.upstream.peers) == 2


@on_loop
async def test_what_an_idle_connection_says_is_no_reply_to_anybody() -> None:
    async with relay_bed(answering(OK)) as bed:
        await bed.ask(GET)
        await _until_idle(bed)
        bed.upstream.peers[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        await eventually(lambda: not bed.relay.pool.connections)
        assert (await bed.ask(GET)).body == b"hi"


@on_loop
async def test_bytes_behind_a_reply_are_dropped_with_their_connection() -> None:
    async with relay_bed(answering(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")) as bed:
        for _ in range(2):
            client = await bed.client()
            client.send(GET)
            reply = await client.message(method=b"GET")
            assert reply is not None
            assert (reply.body, client.received) == (b"hi", b"")
        assert len(bed.upstream.peers) == 2


@on_loop
async def test_idle_connections_are_closed_after_a_while() -> None:
    async with relay_bed(answering(OK)) as bed:
        await bed.ask(GET)
        await _until_idle(bed)
        bed.sweep(89)
        assert bed.relay.pool.connections
        bed.sweep(91)
        assert bed.relay.pool.connections == set()
        await bed.upstream.peers[0].until_closed()


@on_loop
async def test_a_connection_whose_request_was_not_taken_is_not_used_again() -> None:
    """Its next request would wait behind the rest of this one, and without back-pressure."""

    async def early(peer: Peer) -> None:
        peer.wire.transport.pause_reading()
        peer.send(OK)
        await asyncio.Event().wait()

    async with relay_bed(early) as bed:
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 30_000_000)
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert reply.body == b"hi"
        await eventually(lambda: not bed.relay.pool.connections)
