"""What a client may pipeline, and for how long it may keep the relay waiting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.relay import GET, OK, answering, connection, eventually, on_loop, only, relay_bed
from tests.support.replies import error_of

from tokentape.proxy.frames import Ending

if TYPE_CHECKING:
    from tests.support.raw_http import Peer


# Pipelining and back-pressure between requests.


@on_loop
async def test_pipelined_requests_are_answered_one_by_one_in_order() -> None:
    async def counting(peer: Peer) -> None:
        while (request := await peer.message()) and request.complete:
            assert not peer.wire.data, "the next request came before this one was answered"
            target = request.start.split(b" ")[1]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    async with relay_bed(counting) as bed:
        client = await bed.client()
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(100)))
        for number in range(100):
            reply = await client.message(method=b"GET")
            assert reply is not None
            assert reply.body == b"/%d" % number
        assert len(bed.upstream.peers) == 1


@on_loop
async def test_a_client_that_pipelines_and_reads_nothing_fills_no_memory() -> None:
    """Replies that fit into one read are whole at once, so only the next request can be held back."""
    body = b"x" * 70_000
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with relay_bed(answering(reply)) as bed:
        client = await bed.client()
        client.wire.transport.pause_reading()
        client.send(GET * 1000)
        await eventually(lambda: bed.relay.clients)
        await eventually(lambda: connection(bed)._stalled)
        for _ in range(200):
            await asyncio.sleep(0)
        assert connection(bed).transport.get_write_buffer_size() < 1024 * 1024
        assert bed.relay.carried < 200
        client.wire.transport.resume_reading()
        for _ in range(1000):
            got = await client.message(method=b"GET")
            assert got is not None
            assert got.body == body


@on_loop
async def test_pipelined_bytes_behind_connection_close_are_dropped_and_the_reply_arrives() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
        reply = await client.message(method=b"GET")
        assert reply is not None
        assert (reply.body, reply.header(b"connection")) == (b"hi", b"close")
        assert await client.until_closed() == b""
        assert bed.relay.carried == 1


# Deadlines.


@on_loop
async def test_a_slow_head_is_answered_408() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(GET[:-2])
        await eventually(lambda: bed.relay.clients and connection(bed)._reader.started)
        bed.sweep(29)
        bed.sweep(31)
        assert error_of(await client.message(method=b"GET")) == (408, "timeout_error", "slow_head")
        assert await client.until_closed() == b""


@on_loop
async def test_a_drip_of_empty_lines_is_no_beginning_of_a_head() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        await eventually(lambda: bed.relay.clients)
        held = connection(bed)
        held._since -= 400
        before = held.received
        client.send(b"\r\n")
        await eventually(lambda: held.received != before)
        bed.sweep(0)
        assert await client.until_closed() == b""


@on_loop
async def test_a_slow_body_is_answered_408_and_may_be_sent_again() -> None:
    async def silent(peer: Peer) -> None:
        await peer.until_closed()

    async with relay_bed(silent) as bed:
        client = await bed.client()
        client.send(GET[:-2] + b"Content-Length: 5\r\n\r\nab")
        await eventually(lambda: bed.upstream.peers and bed.upstream.peers[0].wire.data)
        bed.sweep(119)
        bed.sweep(121)
        reply = await client.message(method=b"GET")
        assert error_of(reply) == (408, "timeout_error", "slow_body")
        assert reply is not None
        assert reply.header(b"x-should-retry") is None
        exchange = await only(bed)
        assert (exchange.ending, exchange.status, exchange.reason) == (Ending.PROXY_ERROR, 408, "slow_body")


@on_loop
async def test_an_idle_connection_is_closed_without_a_word() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(GET)
        await client.message(method=b"GET")
        bed.sweep(299)
        assert not client.closed
        bed.sweep(301)
        assert await client.until_closed() == b""


@on_loop
async def test_idleness_counts_from_the_end_of_the_reply_not_from_the_request() -> None:
    go = asyncio.Event()

    async def slow(peer: Peer) -> None:
        while await peer.message():
            await go.wait()
            peer.send(OK)

    async with relay_bed(slow) as bed:
        client = await bed.client()
        client.send(GET)
        await eventually(lambda: bed.relay.live)
        connection(bed).received -= 1000  # as if the reply had taken that long
        go.set()
        await client.message(method=b"GET")
        bed.sweep(0)
        client.send(GET)
        assert (await client.message(method=b"GET")) is not None


@on_loop
async def test_a_pipelined_request_has_its_own_time() -> None:
    """It waited behind a long reply, which is no fault of its client or of its upstream."""
    go = asyncio.Event()

    async def slow(peer: Peer) -> None:
        while await peer.message():
            await go.wait()
            go.clear()
            peer.send(OK)

    async with relay_bed(slow) as bed:
        client = await bed.client()
        client.send(GET + GET)
        await eventually(lambda: bed.relay.clients and connection(bed)._ahead)
        connection(bed).received -= 1000
        go.set()
        await client.message(method=b"GET")
        await eventually(lambda: bed.relay.carried == 2 and connection(bed).exchange)
        bed.sweep(0)
        go.set()
        reply = await client.message(method=b"GET")
        assert reply is not None
        assert reply.status == 200


@on_loop
async def test_a_pipelined_part_of_a_head_has_its_own_time() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(GET + GET[:10])
        await client.message(method=b"GET")
        connection(bed).received -= 1000
        bed.sweep(0)
        client.send(GET[10:])
        reply = await client.message(method=b"GET")
        assert reply is not None
        assert reply.status == 200


@on_loop
async def test_an_upstream_that_takes_no_more_of_a_body_times_out() -> None:
    """The client is not read meanwhile, so nothing else would ever end this."""

    async def stuck(peer: Peer) -> None:
        peer.wire.transport.pause_reading()
        await asyncio.Event().wait()

    async with relay_bed(stuck, idle_seconds=50) as bed:
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n")
        client.send(b"x" * 50_000_000)
        await eventually(lambda: bed.relay.clients and connection(bed)._reading_paused)
        assert connection(bed).transport.get_write_buffer_size() == 0
        bed.sweep(49)
        assert bed.relay.live

        def timed_out() -> bool:
            bed.sweep(51)  # again, since the kernel may have taken some more meanwhile
            return not bed.relay.live

        await eventually(timed_out)
        assert error_of(await client.message(method=b"POST")) == (504, "timeout_error", "upstream_timeout")
        exchange = await only(bed)
        assert (exchange.ending, exchange.status) == (Ending.TIMEOUT, 504)


@on_loop
async def test_a_connection_that_ends_under_a_client_that_takes_nothing_is_cut() -> None:
    body = b"x" * 50_000_000

    async def breaking(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + body)
        await asyncio.Event().wait()

    async with relay_bed(breaking) as bed:
        client = await bed.client()
        client.wire.transport.pause_reading()
        client.send(GET)
        await eventually(lambda: bed.relay.clients and connection(bed)._stalled)
        bed.upstream.peers[0].reset()
        [upstream] = bed.relay.pool.connections
        upstream.resume()  # it is not read while the client takes nothing; let it see the reset
        await eventually(lambda: not bed.relay.live)
        assert connection(bed).transport.get_write_buffer_size() > 0
        bed.sweep(0)
        bed.sweep(119)
        assert bed.relay.clients
        bed.sweep(121)
        await eventually(lambda: not bed.relay.clients)


@on_loop
async def test_a_client_that_stops_reading_its_reply_is_cut_after_the_idle_time() -> None:
    async def endless(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 50_000_000)
        await peer.until_closed()

    async with relay_bed(endless, idle_seconds=50) as bed:
        client = await bed.client()
        client.wire.transport.pause_reading()
        client.send(GET)
        await eventually(lambda: bed.relay.clients and connection(bed)._stalled)
        bed.sweep(49)
        assert bed.relay.clients
        bed.sweep(51)
        await eventually(lambda: not bed.relay.clients)
        exchange = await only(bed)
        assert exchange.ending == Ending.CLIENT_ABORT
