"""The relay's upstream side: replies pass byte by byte, as they come, and end only where they ended."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.support.raw_http import chunks
from tests.support.relay import answering, eventually, on_loop, relay_bed

from tokentape.proxy.frames import Ending, Flag, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.raw_http import Peer
    from tests.support.relay import Bed

    from tokentape.proxy.relay.upstream import UpstreamConnection

GET = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def code_of(raw: bytes) -> str:
    """The machine-readable code of an error of the proxy's own."""
    head, _, body = raw.partition(b"\r\n\r\n")
    error = msgspec.json.decode(body, type=dict[str, object])
    assert error["type"] == "error"
    [line] = [line for line in head.split(b"\r\n") if line.startswith(b"x-tokentape-error: ")]
    return line.partition(b": ")[2].decode()


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
    async with relay_bed(stale_once()) as bed:
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
