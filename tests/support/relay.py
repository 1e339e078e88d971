"""A relay with everything around it on one event loop: scripted upstream, observer, and a count of leaks.

A *bed* is put together as a worker puts its relay together, but in the test's own process, so that a
test can look at both sides of every socket and at the relay's own state.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import tempfile
import warnings
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, cast

import msgspec
import psutil
import uvloop
from tests.support.raw_http import PATIENCE, Message, Peer, Wire

from tokentape.proxy.frame_link import BUFFER_LIMIT, FrameLink
from tokentape.proxy.frames import (
    ACK,
    Ending,
    Flag,
    Frame,
    FrameReader,
    Hello,
    Kind,
    WorkerState,
    split_head,
    split_opened,
)
from tokentape.proxy.relay.relay import Relay
from tokentape.proxy.relay.upstream_url import parse_upstream
from tokentape.proxy.relay.worker import anchor

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine

    from tokentape.proxy.http1.server import Limits

P = ParamSpec("P")


def on_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on a uvloop of its own; what nobody caught in the loop fails it."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        try:
            runner.run(watched(test(*args, **kwargs)))
        except BaseException:
            # What a failed test left open is not what it failed for.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                runner.close()
            raise
        runner.close()

    return run


async def watched(work: Coroutine[Any, Any, None]) -> None:
    """Await the work; raise what the loop reported meanwhile."""
    reports: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reports.append(context))
    await work
    assert reports == []


async def eventually(condition: Callable[[], object]) -> None:
    """Give the loop turns until the condition holds."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "this never came true"
        await asyncio.sleep(0.001)


class Observed:
    """One exchange, put together from its frames."""

    def __init__(self) -> None:
        self.flags = 0
        """Of the OPENED frame."""
        self.labels = b""
        self.head = b""
        self.request_ended = False
        self.response_head = b""
        self.ending: Ending | None = None
        self.status = 0
        self.reason = ""
        self.kinds: list[Kind] = []
        self.dropped = False
        self._request: list[bytes] = []
        self._response: list[bytes] = []

    @property
    def resumed(self) -> bool:
        """Announced again to an observer that came later."""
        return bool(self.flags & Flag.RESUMED)

    @property
    def request_body(self) -> bytes:
        """Without chunked framing."""
        return b"".join(self._request)

    @property
    def response_body(self) -> bytes:
        """Without chunked framing."""
        return b"".join(self._response)

    def add(self, frame: Frame) -> bool:
        """Take in a frame; whether it is the last."""
        kind = Kind(frame.kind)
        self.kinds.append(kind)
        assert frame.received <= frame.written
        if kind == Kind.OPENED:
            self.flags = frame.flags
            self.labels, self.head, body = split_opened(frame.payload)
            self._request.append(body)
        elif kind == Kind.REQUEST_BODY:
            self._request.append(frame.payload)
        elif kind == Kind.RESPONSE_HEAD:
            self.response_head, body = split_head(frame.payload)
            self._response.append(body)
        elif kind == Kind.RESPONSE_BODY:
            self._response.append(frame.payload)
        return self._end(kind, frame)

    def _end(self, kind: Kind, frame: Frame) -> bool:
        if kind in {Kind.OPENED, Kind.REQUEST_BODY} and frame.flags & Flag.END:
            assert not self.request_ended
            self.request_ended = True
        if kind == Kind.DROPPED:
            self.dropped = True
        elif kind == Kind.CLOSED:
            self.ending, self.status, self.reason = Ending(frame.flags), frame.status, frame.payload.decode()
        elif kind in {Kind.RESPONSE_HEAD, Kind.RESPONSE_BODY} and frame.flags & Flag.LAST:
            self.ending = Ending.COMPLETE
        return self.ending is not None


class ObserverConnection(asyncio.Protocol):
    """One worker's link as an observer sees it."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._reader = FrameReader()
        self.hello: Hello | None = None
        self.states: list[WorkerState] = []
        self.exchanges: dict[int, Observed] = {}
        self.closed = 0
        self.acknowledged = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._observer.connections.append(self)
        if self._observer.stopped:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        for frame in self._reader.feed(data):
            self._take(frame)
        if self._observer.acknowledging and self.closed != self.acknowledged:
            self.acknowledged = self.closed
            self.transport.write(ACK.pack(self.closed))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.lost = True

    def _take(self, frame: Frame) -> None:
        if frame.kind == Kind.HELLO:
            self.hello = msgspec.json.decode(frame.payload, type=Hello)
        elif frame.kind == Kind.STATE:
            self.states.append(msgspec.json.decode(frame.payload, type=WorkerState))
        else:
            exchange = self.exchanges.setdefault(frame.exchange, Observed())
            assert exchange.ending is None, "a frame after the last"
            self.closed += exchange.add(frame)


def remove(path: str) -> None:
    """Remove a file where there is one."""
    Path(path).unlink(missing_ok=True)


class Observer:
    """A small observer: keeps what it is told, and acknowledges; can be stopped, slowed and killed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.connections: list[ObserverConnection] = []
        self.acknowledging = True
        self.stopped = False
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on `path`, in place of whatever was there."""
        remove(self.path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: ObserverConnection(self), self.path)

    def stop(self) -> None:
        """Read no more, as after SIGSTOP: new connections still find their place in the queue."""
        self.stopped = True
        for connection in self.connections:
            if not connection.lost:
                connection.transport.pause_reading()

    def resume(self) -> None:
        """Read again, as after SIGCONT."""
        self.stopped = False
        for connection in self.connections:
            if not connection.lost:
                connection.transport.resume_reading()

    async def kill(self) -> None:
        """End at once, as after SIGKILL: what was not read is lost."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in self.connections:
            connection.transport.abort()
        remove(self.path)
        await eventually(lambda: all(connection.lost for connection in self.connections))

    @property
    def running(self) -> bool:
        """It was started, and not killed since."""
        return self._server is not None

    @property
    def acknowledged(self) -> int:
        """Exchanges, over all connections."""
        return sum(connection.acknowledged for connection in self.connections)

    @property
    def exchanges(self) -> list[Observed]:
        """In the order in which they opened."""
        return [exchange for connection in self.connections for exchange in connection.exchanges.values()]


class ScriptedUpstream:
    """A server whose every connection is played by a script."""

    def __init__(self, script: Callable[[Peer], Awaitable[None]]) -> None:
        self.script = script
        self.peers: list[Peer] = []
        self.failures: list[BaseException] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        """On a free port of the loopback."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Wire(lambda wire: self.accept(Peer(wire))), "127.0.0.1", 0, ssl=context
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def accept(self, peer: Peer) -> None:
        """Play the script on a new connection."""
        self.peers.append(peer)
        task = asyncio.get_running_loop().create_task(self._play(peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, peer: Peer) -> None:
        try:
            await self.script(peer)
        except (AssertionError, TimeoutError, ValueError, IndexError, KeyError) as failure:
            self.failures.append(failure)
            peer.close()

    async def stop(self) -> None:
        """Close everything; a script that still waits is over."""
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        for peer in self.peers:
            peer.wire.transport.abort()
        await eventually(lambda: all(peer.wire.lost for peer in self.peers) and not self._tasks)


class Bed:
    """Everything around one relay, and the relay."""

    def __init__(self, relay: Relay, link: FrameLink, observer: Observer, upstream: ScriptedUpstream) -> None:
        self.relay = relay
        self.link = link
        self.observer = observer
        self.upstream = upstream
        self.port = 0
        self._clients: list[Peer] = []

    async def client(self) -> Peer:
        """A new client's connection to the relay."""
        peer = await Peer.connect(self.port)
        self._clients.append(peer)
        return peer

    async def direct(self) -> Peer:
        """A new client's connection to the upstream, past the relay."""
        peer = await Peer.connect(self.upstream.port)
        self._clients.append(peer)
        return peer

    async def ask(self, request: bytes, method: bytes = b"GET") -> Message:
        """One request on a connection of its own, and the reply."""
        client = await self.client()
        client.send(request)
        reply = await client.message(method=method)
        client.close()
        assert reply is not None
        return reply

    def sweep(self, later: float) -> None:
        """What the relay does once a second, as if `later` seconds had passed."""
        now = monotonic() + later
        for client in list(self.relay.clients):
            client.sweep(now)
        self.relay.pool.sweep(now)

    async def settle(self) -> None:
        """Wait until every exchange has ended and is acknowledged or counted."""
        await eventually(lambda: not self.relay.live)
        await eventually(lambda: self.counted == self.relay.carried)

    @property
    def counted(self) -> int:
        """Exchanges that ended in one of the two counts."""
        return self.observer.acknowledged + sum(self.link.unmetered.values())

    async def observed(self) -> list[Observed]:
        """All exchanges, once they have settled."""
        await self.settle()
        return self.observer.exchanges

    async def close(self) -> None:
        """Leave nothing; what a test's clients left open is closed from their side."""
        for client in self._clients:
            client.wire.transport.abort()
        await eventually(lambda: not self.relay.clients)
        await self.settle()
        # Whatever is still connected is idle, and would be used again.
        assert {id(connection) for connection in self.relay.pool.connections} == {
            id(connection) for connection in self.relay.pool._idle
        }
        await self.relay.drain(0)
        await self.link.stop(PATIENCE)
        await self.upstream.stop()
        await self.observer.kill()
        await eventually(lambda: all(client.wire.lost for client in self._clients))


@contextlib.asynccontextmanager
async def nothing_left() -> AsyncGenerator[None]:
    """At the end no task and no descriptor may be there that was not there before."""
    await _warm_up()
    descriptors, tasks = psutil.Process().num_fds(), asyncio.all_tasks()
    yield
    await eventually(lambda: asyncio.all_tasks() <= tasks)
    await eventually(lambda: psutil.Process().num_fds() <= descriptors)


@contextlib.asynccontextmanager
async def relay_bed(
    script: Callable[[Peer], Awaitable[None]],
    *,
    limits: Limits | None = None,
    idle_seconds: float = 660.0,
    connect_seconds: float = 10.0,
    prefix: str = "",
    buffer: int = BUFFER_LIMIT,
    observed: bool = True,
    upstream_url: str | None = None,
    environment: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[Bed]:
    """A relay in front of a script; afterwards nothing of it may be left: no task, no descriptor."""
    async with nothing_left():
        with tempfile.TemporaryDirectory() as folder:
            upstream = ScriptedUpstream(script)
            await upstream.start(tls)
            observer = Observer(os.path.join(folder, "observer"))  # noqa: PTH118 - asyncio wants text
            if observed:
                await observer.start()
            url = upstream_url or f"http://127.0.0.1:{upstream.port}{prefix}"
            relay = Relay(
                parse_upstream(url.replace("PORT", str(upstream.port)), environment),
                limits=limits,
                idle_seconds=idle_seconds,
                connect_seconds=connect_seconds,
            )
            link = FrameLink(observer.path, hello=lambda: hello("relay-test"), live=relay.live, limit=buffer)
            bed = Bed(relay, link, observer, upstream)
            listener = socket.create_server(("127.0.0.1", 0))
            listener.setblocking(False)
            bed.port = listener.getsockname()[1]
            link.start()
            await relay.start(listener, link)
            if observed:
                await eventually(lambda: link.connected)
            try:
                yield bed
            except BaseException:
                await link.stop(0)
                raise
            await bed.close()
    assert upstream.failures == []


async def _warm_up() -> None:
    """Let the loop open what it opens once."""
    upstream = ScriptedUpstream(_silent)
    await upstream.start()
    peer = await Peer.connect(upstream.port)
    await eventually(lambda: upstream.peers)
    peer.wire.transport.abort()
    await upstream.stop()
    await eventually(lambda: peer.wire.lost)


async def _silent(peer: Peer) -> None:
    await peer.until_closed()


def hello(worker: str) -> Hello:
    """What a worker of a test says first."""
    return Hello(
        worker=worker, engine="relay", pid=os.getpid(), upstream="http://upstream.test", anchor=anchor()
    )


def answering(
    *replies: bytes, then: Callable[[Peer], None] | None = None
) -> Callable[[Peer], Awaitable[None]]:
    """A script that answers each request of a connection, the last reply again and again."""

    async def script(peer: Peer) -> None:
        rest = list(replies)
        while (request := await peer.message()) and request.complete:
            peer.send(rest.pop(0) if len(rest) > 1 else rest[0])
            if then:
                then(peer)

    return script
