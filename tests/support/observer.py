"""A small observer: keeps what it is told, and acknowledges; can be stopped, resumed and killed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import msgspec
from tests.support.loop import eventually

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
