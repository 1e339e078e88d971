"""The relay's client side: what clients do wrong, early, late, or not at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.support.raw_http import chunks
from tests.support.relay import Observed, answering, eventually, on_loop, relay_bed
from tests.support.replies import own_error

from tokentape.proxy.frames import Ending
from tokentape.proxy.http1.server import Limits

if TYPE_CHECKING:
    from tests.support.raw_http import Message, Peer
    from tests.support.relay import Bed

    from tokentape.proxy.relay.client import ClientConnection

GET = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SMALL = Limits(body_bytes=1024 * 1024, head_bytes=4096)


def error_of(reply: Message | None) -> tuple[int, str, str]:
    """Status, error type and machine-readable code of a reply that must be the proxy's own."""
    error = own_error(reply)
    return error.status, error.type, error.code


async def refused(bed: Bed, raw: bytes, method: bytes = b"GET") -> tuple[int, str, str]:
    """The error that answers these bytes; behind it the connection must end."""
    client = await bed.client()
    client.send(raw)
    reply = await client.message(method=method)
    assert reply is not None
    assert reply.header(b"connection") == b"close"
    assert await client.until_closed() == b""
    client.close()
    return error_of(reply)


def connection(bed: Bed) -> ClientConnection:
    """The relay's end of the one client connection."""
    [client] = bed.relay.clients
    return client  # type: ignore[return-value]  # the relay makes no others


async def only(bed: Bed) -> Observed:
    [exchange] = await bed.observed()
    return exchange


# Refusals.


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"GET / HTTP/1.1\n\n", (400, "invalid_request_error", "malformed")),
        (b"GET / HTTP/1.1\r\n\r\n", (400, "invalid_request_error", "host")),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", (400, "invalid_request_error", "malformed")),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505, "api_error", "http_version")),
        (b"\x16\x03\x01\x00\xee\x01\x00\x00\xea\x03\x03", (400, "invalid_request_error", "malformed")),
        (
            b"GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n",
            (400, "invalid_request_error", "target"),
        ),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", (400, "invalid_request_error", "target")),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", (405, "not_found_error", "connect")),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            (400, "invalid_request_error", "upgrade"),
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            (400, "invalid_request_error", "malformed"),
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            (400, "invalid_request_error", "transfer_encoding"),
        ),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, (431, "invalid_request_error", "head_too_large")),
        (
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
            (431, "invalid_request_error", "head_too_large"),
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n",
            (413, "request_too_large", "body_too_large"),
        ),
    ],
)
@on_loop
async def test_a_refusal_is_one_clear_sentence_and_the_end_of_the_connection(
    raw: bytes, expected: tuple[int, str, str]
) -> None:
    async with relay_bed(answering(OK)) as bed:
        assert await refused(bed, raw) == expected
        assert bed.relay.refusals == {expected[2]: 1}
        assert bed.relay.carried == 0
        assert bed.upstream.peers == []


@on_loop
async def test_broken_chunks_end_an_exchange_that_is_then_not_counted_as_refused_too() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await eventually(lambda: bed.upstream.peers)
        client.send(b"5\r\nhello\r\nxyz\r\n")
        assert error_of(await client.message(method=b"POST"))[2] == "chunked_framing"
        exchange = await only(bed)
        assert (exchange.ending, exchange.status, exchange.reason) == (
            Ending.PROXY_ERROR,
            400,
            "chunked_framing",
        )
        assert bed.relay.refusals == {}


@on_loop
async def test_h2c_is_declined_by_serving_http_1() -> None:
    """RFC 9110, section 7.8: a server may ignore an upgrade, and the headers about it are hop-by-hop."""
    async with relay_bed(answering(OK)) as bed:
        reply = await bed.ask(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX: y\r\n\r\n"
        )
        assert (reply.status, reply.body) == (200, b"hi")
        exchange = await only(bed)
        host = bed.relay.host
        assert exchange.head == b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nX: y\r\n\r\n"


@on_loop
async def test_a_refusal_behind_a_head_request_has_its_body() -> None:
    async with relay_bed(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")) as bed:
        client = await bed.client()
        client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.message(method=b"HEAD")) is not None
        client.send(b"nonsense\r\n\r\n")
        assert error_of(await client.message(method=b"GET"))[0] == 400


@on_loop
async def test_an_error_in_reply_to_head_has_no_body() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(b"HEAD * HTTP/1.1\r\nHost: a\r\n\r\n")
        reply = await client.message(method=b"HEAD")
        assert reply is not None
        assert reply.status == 400
        assert await client.until_closed() == b""


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


# What the worker answers itself.


@on_loop
async def test_healthz_is_answered_by_the_worker() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        for target in (b"/.tokentape/healthz", b"/@project=x/.tokentape/healthz?verbose"):
            client.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            reply = await client.message(method=b"GET")
            assert reply is not None
            assert (reply.status, reply.header(b"connection")) == (200, None)
            told = msgspec.json.decode(reply.body, type=dict[str, object])
            assert (told["status"], told["upstream"]) == ("ok", bed.relay.upstream.url)
        client.send(b"HEAD /.tokentape/healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.message(method=b"HEAD")) is not None
        client.send(b"GET /.tokentape/nothing HTTP/1.1\r\nHost: a\r\n\r\n")
        assert error_of(await client.message(method=b"GET")) == (404, "not_found_error", "unknown_path")
        assert bed.relay.carried == 0
        assert bed.upstream.peers == []


@on_loop
async def test_healthz_with_half_a_body_says_that_the_connection_ends() -> None:
    async with relay_bed(answering(OK)) as bed:
        client = await bed.client()
        client.send(b"POST /.tokentape/healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert (reply.status, reply.header(b"connection")) == (200, b"close")
        assert await client.until_closed() == b""


# Labels.


@on_loop
async def test_labels_reach_the_observer_and_never_the_upstream() -> None:
    async with relay_bed(answering(OK), prefix="/base") as bed:
        await bed.ask(
            b"GET /@project=a/@cassette=b/v1/models?x=1 HTTP/1.1\r\nHost: a\r\n"
            b"X-Tokentape-Labels: team=c\r\nx-tokentape-labels:  user=d \r\nX: y\r\n\r\n"
        )
        exchange = await only(bed)
        assert exchange.labels == b"project=a,team=c,user=d"
        host = bed.relay.host
        assert exchange.head == (
            b"GET /base/@cassette=b/v1/models?x=1 HTTP/1.1\r\nHost: " + host + b"\r\nX: y\r\n\r\n"
        )
