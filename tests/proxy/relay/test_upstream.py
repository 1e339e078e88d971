"""The relay's upstream side: replies pass byte by byte, as they come, and end only where they ended."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import pytest
from tests.support.raw_http import chunks
from tests.support.relay import GET, OK, answering, eventually, on_loop, relay_bed
from tests.support.replies import code_of

from tokentape.proxy.frames import Ending, Flag

if TYPE_CHECKING:
    from tests.support.raw_http import Peer
    from tests.support.relay import Bed


POST = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"


async def exchange(bed: Bed, request: bytes = GET) -> bytes:
    """All bytes that answer a request, up to the end of the connection."""
    client = await bed.client()
    client.send(request)
    return await client.until_closed()


# Peers that are slow, and then are not.


@on_loop
async def test_a_client_that_reads_late_gets_every_byte() -> None:
    body = bytes(range(251)) * 100_000
    async with relay_bed(
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    ) as bed:
        client = await bed.client()
        client.wire.transport.pause_reading()
        client.send(GET)
        await eventually(lambda: any(connection.paused for connection in bed.relay.pool.connections))
        client.wire.transport.resume_reading()
        reply = await client.message(method=b"GET")
        assert reply is not None
        assert reply.body == body


@pytest.mark.parametrize("chunked", [False, True])
@on_loop
async def test_an_upstream_that_reads_late_gets_every_byte(*, chunked: bool) -> None:
    body = bytes(range(251)) * 100_000
    go = asyncio.Event()

    async def late(peer: Peer) -> None:
        peer.wire.transport.pause_reading()
        await go.wait()
        peer.wire.transport.resume_reading()
        request = await peer.message()
        assert request is not None
        assert request.body == body
        peer.send(OK)
        await peer.until_closed()

    async with relay_bed(late) as bed:
        client = await bed.client()
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n")
        client.send(chunks([body]) if chunked else body)
        await eventually(lambda: any(connection.full for connection in bed.relay.pool.connections))
        go.set()
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert reply.body == b"hi"
        assert (await bed.observed())[0].request_body == body


# Replies that are no HTTP/1.1.


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        b"HTTP/1.1 000 Zero\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
    ],
)
@on_loop
async def test_what_is_no_reply_is_a_502_and_the_end_of_both_connections(raw: bytes) -> None:
    async with relay_bed(answering(raw)) as bed:
        got = await exchange(bed)
        assert got.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
        assert code_of(got) == "upstream_protocol"
        await bed.upstream.peers[0].until_closed()
        [seen] = await bed.observed()
        assert (seen.ending, seen.status) == (Ending.UPSTREAM_ABORT, 502)


@on_loop
async def test_broken_chunks_break_the_reply_off() -> None:
    go = asyncio.Event()

    async def broken(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await go.wait()
        peer.send(b"not hexadecimal\r\n")
        await peer.until_closed()

    async with relay_bed(broken) as bed:
        client = await bed.client()
        client.send(GET)
        await client.until_seen(b"hello\r\n")
        go.set()
        assert (await client.until_closed()).endswith(b"\r\n\r\n5\r\nhello\r\n")
        [seen] = await bed.observed()
        assert (seen.ending, seen.status, seen.reason) == (Ending.UPSTREAM_ABORT, 0, "upstream_protocol")


# Silence.


@on_loop
async def test_an_upstream_that_never_replies_times_out() -> None:
    async def silent(peer: Peer) -> None:
        await peer.until_closed()

    async with relay_bed(silent, idle_seconds=50) as bed:
        client = await bed.client()
        client.send(GET)
        await eventually(lambda: bed.upstream.peers and bed.upstream.peers[0].wire.data)
        bed.sweep(49)
        assert bed.relay.live
        bed.sweep(51)
        reply = await client.message(method=b"GET")
        assert reply is not None
        assert (reply.status, reply.header(b"x-tokentape-error")) == (504, b"upstream_timeout")
        assert b"127.0.0.1" in reply.body
        assert b"sent nothing for 5" in reply.body
        await bed.upstream.peers[0].until_closed()
        [seen] = await bed.observed()
        assert (seen.ending, seen.status) == (Ending.TIMEOUT, 504)


@on_loop
async def test_a_stream_that_falls_silent_is_broken_off() -> None:
    async def pausing(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await peer.until_closed()

    async with relay_bed(pausing, idle_seconds=50) as bed:
        client = await bed.client()
        client.send(GET)
        await client.until_seen(b"hello\r\n")
        bed.sweep(49)
        assert bed.relay.live
        bed.sweep(51)
        assert (await client.until_closed()).endswith(b"hello\r\n")
        [seen] = await bed.observed()
        assert (seen.ending, seen.status) == (Ending.TIMEOUT, 0)


# Passing on.


@pytest.mark.parametrize("framing", ["length", "chunked", "eof"])
@on_loop
async def test_each_event_reaches_the_client_before_the_next_is_written(framing: str) -> None:
    events = [b"event: delta\ndata: %d\n\n" % number for number in range(50)]
    taken = asyncio.Semaphore(0)
    size = sum(map(len, events))
    marks = {"length": b"Content-Length: %d" % size, "chunked": b"Transfer-Encoding: chunked", "eof": b"X: y"}

    async def stream(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 200 OK\r\n" + marks[framing] + b"\r\n\r\n")
        for event in events:
            await taken.acquire()
            peer.send(b"%x\r\n%b\r\n" % (len(event), event) if framing == "chunked" else event)
        await taken.acquire()
        peer.send(b"0\r\n\r\n" if framing == "chunked" else b"")
        peer.close()

    async with relay_bed(stream) as bed:
        client = await bed.client()
        client.send(GET)
        await client.until_seen(b"\r\n\r\n")
        for event in events:
            taken.release()
            await client.until_seen(event)
        taken.release()
        reply = await client.message(method=b"GET")
        assert reply is not None
        assert (reply.body, reply.complete) == (b"".join(events), True)
        [seen] = await bed.observed()
        assert seen.response_body == b"".join(events)


@on_loop
async def test_every_part_of_a_request_reaches_the_upstream_before_the_next_is_sent() -> None:
    async def script(peer: Peer) -> None:
        await peer.until_seen(b"X-Sum: 1\r\n\r\n")
        peer.send(OK)
        await peer.until_closed()

    async with relay_bed(script) as bed:
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await eventually(lambda: bed.upstream.peers)
        [upstream] = bed.upstream.peers
        sent = b""
        for part in [b"5\r\nhe", b"llo", b"\r\n", b"1;ext=1\r", b"\n!\r\n", b"0\r\n", b"X-Sum: 1\r\n"]:
            client.send(part)
            sent += part
            await upstream.until_seen(b"\r\n\r\n" + sent)
        client.send(b"\r\n")
        assert (await client.message(method=b"POST")) is not None
        [seen] = await bed.observed()
        assert seen.request_body == b"hello!"


@on_loop
async def test_a_reply_passes_byte_for_byte() -> None:
    """Spelling, order, blanks, bytes beyond ASCII, and a compressed body."""
    body = gzip.compress(b"data: caf\xc3\xa9\n\n" * 100)
    head = (
        b"HTTP/1.1 529 Site is \xfcberlastet\r\nrequest-ID:req_1\r\nX-Latin:  caf\xe9 \r\nX-Twice: 1\r\n"
        b"anthropic-RateLimit: \t5\r\nX-Twice: 2\r\nX-Empty:\r\nContent-Encoding: gzip\r\n"
        b"CONTENT-length: %d\r\nX-UTF: \xc3\xa9\xff\r\n\r\n" % len(body)
    )
    async with relay_bed(answering(head + body)) as bed:
        client = await bed.client()
        client.send(GET)
        await client.until_received(len(head) + len(body))
        assert client.received == head + body
        [seen] = await bed.observed()
        assert (seen.response_head, seen.response_body) == (head, body)


@on_loop
async def test_a_request_passes_byte_for_byte() -> None:
    body = gzip.compress(b"{}" * 100)
    before = b"X-Api-KEY:sk-1\r\nX-Latin:  caf\xe9 \r\n"
    after = (
        b"anthropic-BETA: \ta\r\nX-Twice: 2\r\nX-Empty:\r\ncontent-LENGTH:%d\r\nX-UTF: \xc3\xa9\xff\r\n"
        % len(body)
    )
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        raw = b"POST /v1/m%65ssages?a=%20&b HTTP/1.1\r\n"
        client.send(raw + before + b"hOST: relay\r\n" + after + b"\r\n" + body)
        assert (await client.message(method=b"POST")) is not None
        [seen] = await bed.observed()
        expected = raw + before + b"hOST: " + bed.relay.host + b"\r\n" + after + b"\r\n"
        assert (seen.head, seen.request_body) == (expected, body)


@on_loop
async def test_what_the_upstream_gets_is_what_the_observer_is_told() -> None:
    got: list[bytes] = []

    async def keep(peer: Peer) -> None:
        await peer.wire.until(lambda: peer.received.endswith(b"0\r\n\r\n"))
        got.append(peer.received)
        peer.send(OK)
        await peer.until_closed()

    async with relay_bed(keep) as bed:
        raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 ;x\r\nhello\r\n0\r\n\r\n"
        assert (await bed.ask(raw, b"POST")).body == b"hi"
        [seen] = await bed.observed()
        assert got == [seen.head + b"5 ;x\r\nhello\r\n0\r\n\r\n"]
        assert seen.request_body == b"hello"
        assert seen.flags == Flag.FRESH_CONNECTION | Flag.END


@pytest.mark.parametrize(
    ("method", "reply", "kept"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", True),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", True),
        (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"DELETE", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
        (b"GET", b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", False),
        (b"GET", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"GET", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
@on_loop
async def test_replies_without_a_body_end_with_their_head(method: bytes, reply: bytes, kept: bool) -> None:  # noqa: FBT001
    async with relay_bed(answering(reply)) as bed:
        client = await bed.client()
        for _ in range(3):
            client.send(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
            got = await client.message(method=method)
            assert got is not None
            assert (got.complete, got.body, got.header(b"connection")) == (True, b"", None)
        assert len(bed.upstream.peers) == (1 if kept else 3)
        assert client.received == b""


@on_loop
async def test_interim_replies_pass_as_they_come_and_are_no_reply_to_the_observer() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
    async with relay_bed(answering(interim + OK)) as bed:
        client = await bed.client()
        for _ in range(2):
            client.send(GET)
            await client.until_received(len(interim + OK))
            assert client.received == interim + OK
            client.wire.data.clear()
        assert [seen.response_head for seen in await bed.observed()] == [OK[:-2], OK[:-2]]


@on_loop
async def test_an_upstream_that_dies_behind_an_interim_reply_is_a_502() -> None:
    async def dying(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        peer.close()

    async with relay_bed(dying) as bed:
        client = await bed.client()
        client.send(GET)
        reply = await client.message(method=b"GET")
        assert reply is not None
        assert (reply.status, reply.header(b"x-tokentape-error")) == (502, b"upstream_closed")
        assert len(reply.interim) == 1
