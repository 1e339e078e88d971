"""A worker as a process: how it starts, speaks of itself and ends, and what traffic costs its memory."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.support.raw_http import chunks
from tests.support.relay import answering, eventually, on_loop
from tests.support.replies import own_error
from tests.support.worker import WorkerProcess, worker_process

from tokentape.proxy.frames import Ending
from tokentape.proxy.relay.worker import resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.raw_http import Peer

GET = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
MEGABYTE = 1024 * 1024
GROWTH = 5 * MEGABYTE
"""What one slow peer may cost, however much there is to carry."""

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="reads memory and descriptors as Linux counts them"
)


# Life.


@on_loop
async def test_a_worker_says_who_it_is_and_how_it_is() -> None:
    async with worker_process(answering(OK)) as worker:
        [link] = worker.observer.connections
        assert link.hello is not None
        assert (link.hello.engine, link.hello.pid) == ("relay", worker.process.pid)
        assert link.hello.worker == f"relay-0-{worker.process.pid}"
        client = await worker.client()
        client.send(GET)
        assert (await client.message(method=b"GET")) is not None
        client.send(b"nonsense\r\n\r\n")
        await client.until_closed()
        client.close()
        await eventually(lambda: link.states and link.states[-1].refused)
        state = link.states[-1]
        assert (state.carried, state.inflight, state.unmetered) == (1, 0, {})
        assert state.refused == {"malformed": 1}
        assert state.resident_bytes > MEGABYTE
        assert state.cpu_seconds > 0


@pytest.mark.parametrize("how", [WorkerProcess.terminate, WorkerProcess.abandon])
@on_loop
async def test_a_worker_that_is_to_end_lets_what_is_under_way_finish(
    how: Callable[[WorkerProcess], None],
) -> None:
    go = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.message()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await go.wait()
        peer.send(b"0\r\n\r\n")
        await peer.until_closed()

    async with worker_process(slow, drain=30) as worker:
        busy, idle = await worker.client(), await worker.client()
        busy.send(GET)
        await busy.until_seen(b"hello")
        how(worker)
        assert await idle.until_closed() == b""
        with pytest.raises(ConnectionError):
            await worker.client()
        go.set()
        reply = await busy.message(method=b"GET")
        assert reply is not None
        assert (reply.complete, reply.body) == (True, b"hello")
        await busy.until_closed()
        assert await worker.ended() == 0
        assert worker.observer.acknowledged == 1
        busy.close()
        idle.close()


@on_loop
async def test_what_does_not_finish_in_time_is_told_and_broken_off() -> None:
    async def silent(peer: Peer) -> None:
        request = await peer.message()
        if request and b"stream" in request.start:
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await peer.until_closed()

    async with worker_process(silent, drain=0.05) as worker:
        waiting, streaming = await worker.client(), await worker.client()
        waiting.send(GET)
        streaming.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await streaming.until_seen(b"hello")
        await eventually(lambda: len(worker.upstream.peers) == 2)
        worker.terminate()
        error = own_error(await waiting.message(method=b"GET"))
        assert (error.status, error.code, error.retry) == (503, "draining", True)
        assert (await streaming.until_closed()).endswith(b"5\r\nhello\r\n")
        assert await worker.ended() == 0
        waiting.close()
        streaming.close()
        endings = [(seen.ending, seen.status, seen.reason) for seen in worker.observer.exchanges]
        assert sorted(endings) == [
            (Ending.PROXY_ERROR, 0, "draining"),
            (Ending.PROXY_ERROR, 503, "draining"),
        ]


@on_loop
async def test_a_worker_with_nothing_to_do_ends_at_once() -> None:
    """It would wait for an acknowledgement of nothing otherwise."""
    async with worker_process(answering(OK), drain=30) as worker:
        worker.terminate()
        assert await worker.ended() == 0


@on_linux
@on_loop
async def test_a_worker_takes_the_descriptors_that_it_may_have() -> None:
    async with worker_process(answering(OK)) as worker:
        soft, hard = psutil.Process(worker.process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert soft == (65536 if hard == resource.RLIM_INFINITY else min(hard, 65536))


@on_linux
@on_loop
async def test_a_worker_that_ran_out_of_descriptors_goes_on_when_there_are_some() -> None:
    async with worker_process(endless) as worker:
        seen = psutil.Process(worker.process.pid)
        before = worker.descriptors
        seen.rlimit(psutil.RLIMIT_NOFILE, (before + 20, before + 20))
        crowd = [await worker.client() for _ in range(60)]
        for client in crowd:
            client.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        for client in crowd:
            await client.until_received(1)  # a reply, a 502, or the end
        assert sum(b"data: 1" in client.received for client in crowd) <= 10  # two descriptors each
        for client in crowd:
            client.reset()
        await eventually(lambda: worker.descriptors <= before)
        client = await worker.client()
        client.send(GET)
        reply = await client.message(method=b"GET")
        assert reply is not None
        assert reply.body == b"hi"
        client.close()


def test_memory_is_measured() -> None:
    assert MEGABYTE < resident_bytes() < 1024 * 1024 * MEGABYTE


# Back-pressure. Without an observer: what waits for one has a limit of its own, and the one of these tests
# shares its loop with both sides of the traffic.


async def warm(worker: WorkerProcess) -> int:
    """Memory after ordinary traffic, so that what follows is growth and not start."""
    for _ in range(20):
        client = await worker.client()
        client.send(b"POST /warm HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        reply = await client.message(method=b"POST")
        assert reply is not None
        client.close()
    return worker.memory


async def send_steadily(peer: Peer, size: int) -> int:
    """Write as fast as the other side takes it; how much it took when it had enough."""
    piece = b"x" * MEGABYTE
    sent = 0
    while sent < size and not peer.closed:
        if peer.wire.transport.get_write_buffer_size() < MEGABYTE:
            peer.send(piece)
            sent += MEGABYTE
        await asyncio.sleep(0.002)
    return sent


async def read_slowly(worker: WorkerProcess, size: int) -> int:
    """Read a reply of 200 MB at 1 MB/s until `size` bytes have come; the highest memory meanwhile."""
    loop = asyncio.get_running_loop()
    highest, read = 0, 0
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", worker.port))
        await loop.sock_sendall(client, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        while read < size:
            read += len(await loop.sock_recv(client, 50_000))
            highest = max(highest, worker.memory)
            await asyncio.sleep(0.05)  # the pace of this client
    return highest


async def large_reply(peer: Peer) -> None:
    while request := await peer.message():
        if b"/large" not in request.start:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + request.body)
            continue
        size = 200 * MEGABYTE
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        # Whatever the kernel's buffers hold on the way is not the worker's memory.
        assert await send_steadily(peer, size) < 100 * MEGABYTE
        return


@on_linux
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("seconds", [2, pytest.param(15, marks=pytest.mark.slow)])
@on_loop
async def test_a_slow_client_of_a_200_mb_reply_costs_no_memory(seconds: int, *, tls: bool) -> None:
    async with worker_process(large_reply, tls=tls) as worker:
        await worker.observer.kill()
        before = await warm(worker)
        highest = await read_slowly(worker, seconds * MEGABYTE)
        assert highest - before < GROWTH


class SlowUpstream:
    """Takes large bodies slowly, and looks at the worker's memory meanwhile."""

    def __init__(self) -> None:
        self.worker: WorkerProcess | None = None
        self.highest = 0

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.wire.until(lambda: b"\r\n\r\n" in peer.wire.data or peer.closed)
            if peer.closed:
                return
            if b"/warm" in peer.received:
                await peer.message()
            else:
                await self._take(peer)
            peer.send(OK)

    async def _take(self, peer: Peer) -> None:
        assert self.worker
        end = b""
        while not end.endswith(END):
            peer.wire.transport.pause_reading()
            self.highest = max(self.highest, self.worker.memory)
            await asyncio.sleep(0.005)  # the pace of this upstream
            end = (end + peer.received)[-len(END) :]
            peer.wire.data.clear()
            peer.wire.transport.resume_reading()
            if end != END:
                await peer.until_received(1)


END = b"the end of the body\r\n0\r\n\r\n"


@on_linux
@pytest.mark.parametrize(("chunked", "tls"), [(False, False), (True, False), (False, True)])
@on_loop
async def test_a_64_mb_upload_to_a_slow_upstream_costs_no_memory(*, chunked: bool, tls: bool) -> None:
    upstream = SlowUpstream()
    async with worker_process(upstream, tls=tls) as worker:
        upstream.worker = worker
        await worker.observer.kill()
        before = await warm(worker)
        client = await worker.client()
        last = b"13\r\n" + END if chunked else END
        piece = chunks([b"x" * MEGABYTE])[:-5] if chunked else b"x" * MEGABYTE
        framing = (
            b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (63 * MEGABYTE + len(END))
        )
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n")
        for _ in range(63):
            client.send(piece)
            await eventually(lambda: client.wire.transport.get_write_buffer_size() < MEGABYTE)
        client.send(last)
        reply = await client.message(method=b"POST")
        assert reply is not None
        assert reply.body == b"hi"
        assert 0 < upstream.highest < before + GROWTH
        client.close()


# Abandoned streams.


async def abandon_streams(worker: WorkerProcess, count: int, together: int) -> None:
    """Open streams, and leave each after its first event."""
    at_once = asyncio.Semaphore(together)

    async def one(number: int) -> None:
        async with at_once:
            client = await worker.client()
            client.send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.until_seen(b"data: 1\n\n")
            client.reset() if number % 2 else client.close()
            await eventually(lambda: client.wire.lost)

    await asyncio.gather(*map(one, range(count)))


async def endless(peer: Peer) -> None:
    while request := await peer.message():
        if b"/stream" in request.start:
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
            await peer.until_closed()
            peer.close()
            return
        peer.send(OK)


@on_linux
@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
@on_loop
async def test_abandoned_streams_leave_nothing_behind(count: int) -> None:
    async with worker_process(endless) as worker:
        descriptors = worker.descriptors
        await abandon_streams(worker, 300, 50)
        before = worker.memory
        await abandon_streams(worker, count, 50)
        await eventually(lambda: worker.observer.acknowledged == 300 + count)
        await eventually(lambda: worker.descriptors == descriptors)
        assert worker.memory - before < 2 * MEGABYTE
        endings = {seen.ending for seen in worker.observer.exchanges}
        assert endings == {Ending.CLIENT_ABORT}
        await eventually(lambda: all(peer.closed for peer in worker.upstream.peers))
        [link] = worker.observer.connections
        await eventually(lambda: link.states[-1].carried == 300 + count)
        assert (link.states[-1].inflight, link.states[-1].unmetered) == (0, {})
