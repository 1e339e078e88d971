"""A relay as a whole: metering beside live traffic, many connections at once, and its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.raw_http import chunks
from tests.support.relay import answering, eventually, on_loop, relay_bed
from tests.support.replies import own_error

from tokentape.proxy.frames import Ending, Flag

if TYPE_CHECKING:
    from tests.support.raw_http import Message, Peer
    from tests.support.relay import Bed

GET = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Streams:
    """An upstream whose streams send an event whenever they are told to, and end when told to."""

    def __init__(self) -> None:
        self.open: list[Peer] = []
        self._over = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        while await peer.message():
            peer.send(STREAM)
            self.open.append(peer)
            await self._over.wait()

    def event(self, number: int) -> bytes:
        """Send an event on every stream."""
        data = b"data: %d\n\n" % number
        for peer in self.open:
            peer.send(chunks([data])[:-5])
        return data

    def end(self) -> None:
        """End every stream."""
        for peer in self.open:
            peer.send(b"0\r\n\r\n")
        self._over.set()


async def clients(bed: Bed, streams: Streams, count: int) -> list[Peer]:
    """So many clients, each inside a stream."""
    peers = [await bed.client() for _ in range(count)]
    for number, peer in enumerate(peers):
        peer.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
    for peer in peers:
        await peer.until_seen(b"\r\n\r\n")
    await eventually(lambda: len(streams.open) == count)
    return peers


async def whole(peer: Peer) -> Message:
    reply = await peer.message(method=b"GET")
    assert reply is not None
    assert reply.complete
    return reply


# Traffic and its observer.


@on_loop
async def test_a_killed_observer_disturbs_no_stream_and_its_successor_is_told() -> None:
    streams = Streams()
    async with relay_bed(streams) as bed:
        peers = await clients(bed, streams, 5)
        first = streams.event(1)
        for peer in peers:
            await peer.until_seen(first)
        await bed.observer.kill()
        second = streams.event(2)
        for peer in peers:
            await peer.until_seen(second)
        await eventually(lambda: not bed.link.connected)
        await bed.observer.start()
        await eventually(lambda: bed.link.connected)
        third = streams.event(3)
        streams.end()
        for peer in peers:
            assert (await whole(peer)).body == first + second + third
        await bed.settle()
        assert not bed.link.unmetered
        resumed = bed.observer.connections[-1].exchanges.values()
        assert len(resumed) == 5
        for seen in resumed:
            assert seen.flags == Flag.RESUMED | Flag.END
            assert seen.response_head == STREAM
            assert seen.response_body.endswith(third)
            assert seen.ending is Ending.COMPLETE


@on_loop
async def test_a_stopped_observer_disturbs_no_stream_and_loses_nothing_that_fits() -> None:
    streams = Streams()
    async with relay_bed(streams) as bed:
        peers = await clients(bed, streams, 5)
        bed.observer.stop()
        events = [streams.event(number) for number in range(100)]
        for peer in peers:
            await peer.until_seen(events[-1])
        streams.end()
        for peer in peers:
            assert (await whole(peer)).body == b"".join(events)
        bed.observer.resume()
        exchanges = await bed.observed()
        assert [seen.response_body for seen in exchanges] == [b"".join(events)] * 5


@on_loop
async def test_without_an_observer_everything_is_carried_and_counted() -> None:
    async with relay_bed(answering(OK), observed=False) as bed:
        for _ in range(20):
            assert (await bed.ask(GET)).body == b"hi"
        await bed.settle()
        assert bed.link.unmetered == {"observer_down": 20}


@on_loop
async def test_what_overflows_the_buffer_is_given_up_call_by_call_and_counted() -> None:
    body = b"x" * 50_000
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with relay_bed(answering(reply), buffer=500_000) as bed:
        bed.observer.stop()
        for _ in range(100):
            assert (await bed.ask(GET)).body == body
        assert bed.link.buffered < 600_000
        bed.observer.resume()
        await bed.settle()
        assert 0 < bed.link.unmetered["buffer_full"] < 100
        assert bed.observer.acknowledged + bed.link.unmetered["buffer_full"] == 100
        assert all(seen.response_body == body for seen in bed.observer.exchanges if not seen.dropped)


@on_loop
async def test_an_exchange_that_ends_as_the_observer_returns_is_in_one_count() -> None:
    """Its last frame may wait in the outbox while the link connects."""
    async with relay_bed(answering(OK)) as bed:
        for _ in range(30):
            await bed.observer.kill()
            asked = [asyncio.create_task(bed.ask(GET)) for _ in range(4)]
            await bed.observer.start()
            await asyncio.gather(*asked)
            await eventually(lambda: bed.link.connected)
        await bed.settle()
        for seen in bed.observer.exchanges:
            assert seen.head, "closed, but never opened"


# Many at once.


@on_loop
async def test_streams_beside_each_other_do_not_mix() -> None:
    async def echo(peer: Peer) -> None:
        while request := await peer.message():
            target = request.start.split(b" ")[1]
            for number in range(20):
                peer.send((STREAM if not number else b"") + chunks([b"%b:%d\n" % (target, number)])[:-5])
                await asyncio.sleep(0)
            peer.send(b"0\r\n\r\n")

    async def talk(bed: Bed, name: int) -> None:
        client = await bed.client()
        for turn in range(5):
            client.send(b"GET /%d/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (name, turn))
            expected = b"".join(b"/%d/%d:%d\n" % (name, turn, number) for number in range(20))
            assert (await whole(client)).body == expected

    async with relay_bed(echo) as bed:
        await asyncio.gather(*(talk(bed, name) for name in range(60)))
        assert len(await bed.observed()) == 300
        assert len(bed.upstream.peers) <= 60


@on_loop
async def test_clients_that_reset_do_not_tear_the_streams_of_others() -> None:
    """Their ends and the events of all streams meet in one turn of the loop, the ends first."""
    streams = Streams()
    events: list[bytes] = []
    async with relay_bed(streams) as bed:
        staying = await clients(bed, streams, 20)
        for number in range(40):
            for peer in await clients_more(bed, streams, 5):
                peer.reset()
            # uvloop resets at the end of this turn, so the events have to wait for it too.
            asyncio.get_running_loop().call_soon(lambda sent: events.append(streams.event(sent)), number)
            await eventually(lambda: len(bed.relay.live) == 20)
        streams.end()
        for peer in staying:
            assert (await whole(peer)).body == b"".join(events)
        exchanges = await bed.observed()
        assert sum(seen.ending is Ending.COMPLETE for seen in exchanges) == 20
        assert sum(seen.ending is Ending.CLIENT_ABORT for seen in exchanges) == 200


async def clients_more(bed: Bed, streams: Streams, count: int) -> list[Peer]:
    """More of them, and those that have gone no longer count."""
    streams.open = [peer for peer in streams.open if not peer.closed]
    before = len(streams.open)
    peers = [await bed.client() for _ in range(count)]
    for peer in peers:
        peer.send(GET)
    await eventually(lambda: len(streams.open) >= before + count)
    return peers


# The end.


@on_loop
async def test_draining_waits_for_what_is_under_way_and_takes_nothing_new() -> None:
    streams = Streams()
    async with relay_bed(streams) as bed:
        idle = await bed.client()
        [busy] = await clients(bed, streams, 1)
        draining = asyncio.create_task(bed.relay.drain(30))
        assert await idle.until_closed() == b""
        with pytest.raises(ConnectionError):
            await bed.client()
        health = bed.relay.local_answer(b"/.tokentape/healthz", close=True, body=True)
        assert b'"draining"' in health
        last = streams.event(1)
        streams.end()
        assert (await whole(busy)).body == last
        await draining
        assert await busy.until_closed() == b""


@on_loop
async def test_a_reply_that_is_complete_as_draining_begins_still_arrives() -> None:
    """It may wait in the outbox for the end of the turn."""
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(GET)
        assert (await whole(client)).body == b"hi"
        [connection] = bed.relay.clients
        connection.write(b"the last bytes")
        await bed.relay.drain(0)
        assert await client.until_closed() == b"the last bytes"


@on_loop
async def test_draining_waits_for_clients_that_have_not_taken_their_replies() -> None:
    """Whatever is still in this process is lost when the process ends."""
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        await eventually(lambda: bed.relay.clients)
        [connection] = bed.relay.clients
        client.wire.transport.pause_reading()
        size = 30_000_000
        connection.write(b"x" * size)
        draining = asyncio.create_task(bed.relay.drain(30))
        await eventually(connection.transport.is_closing)
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert not draining.done()
        assert connection.transport.get_write_buffer_size() > 0
        client.wire.transport.resume_reading()
        assert len(await client.until_closed()) == size
        await draining


@on_loop
async def test_a_connection_that_is_kept_alive_ends_with_its_reply_while_draining() -> None:
    streams = Streams()
    async with relay_bed(streams) as bed:
        await eventually(lambda: bed.relay._server)
        client = await bed.client()
        await eventually(lambda: bed.relay.clients)
        bed.relay.draining = True
        client.send(GET)
        await client.until_seen(b"\r\n\r\n")
        streams.end()
        reply = await whole(client)
        assert reply.header(b"connection") == b"close"
        assert await client.until_closed() == b""


@on_loop
async def test_what_drains_too_slowly_is_told_so() -> None:
    async def silent(peer: Peer) -> None:
        await peer.until_closed()

    async with relay_bed(silent) as bed:
        client = await bed.client()
        client.send(GET)
        await eventually(lambda: bed.upstream.peers and bed.upstream.peers[0].wire.data)
        await bed.relay.drain(0)
        error = own_error(await client.message(method=b"GET"))
        assert (error.status, error.code) == (503, "draining")
        [seen] = await bed.observed()
        assert (seen.ending, seen.status) == (Ending.PROXY_ERROR, 503)


@on_loop
async def test_the_sweep_goes_round_by_itself() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        await eventually(lambda: bed.relay.clients)
        [connection] = bed.relay.clients
        connection._since -= 1000
        assert await client.until_closed() == b""
