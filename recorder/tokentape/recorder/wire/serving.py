"""A server that answers by itself: its port, its connections, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from tokentape.recorder.wire.player import Player

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType
    from typing import Any

    from tokentape.proxy.http1.server import ServerConnection

_SWEEP_SECONDS: Final = 1.0
_BACKLOG: Final = 4096


class Server:
    """A server in the running event loop, on the loopback unless told otherwise.

    Use it as an async context manager, or call `start` and `stop`. From code without an event loop,
    `in_thread` runs one.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        """With `port` 0 the system chooses one; `tls` makes it https; a `listener` listens already."""
        self.connections: set[ServerConnection] = set()
        self.player: Player
        self.port = port
        self._host = host
        self._tls = tls
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    def connection(self) -> ServerConnection:
        """What serves one more client."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """What to set as base_url."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self.player = Player(loop)
        if self._listener is not None:
            self._server = await loop.create_server(
                self.connection, sock=self._listener, ssl=self._tls, backlog=_BACKLOG
            )
        else:
            self._server = await loop.create_server(
                self.connection, self._host, self.port, ssl=self._tls, backlog=_BACKLOG
            )
        self.port = self._server.sockets[0].getsockname()[1]
        self._sweeper = loop.create_task(self._sweep())

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._sweeper:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        if self._server:
            self._server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        # Transports tell their connections in a later turn.
        while self.connections:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = monotonic()
            for connection in list(self.connections):
                connection.sweep(now)


def runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    """What runs a coroutine in an event loop: uvloop's where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return asyncio.run
    return uvloop.run


@contextlib.contextmanager
def in_thread(server: Server, name: str) -> Generator[None]:
    """A server that serves from a thread of its own until the block ends.

    Raises:
        OSError: its port cannot be had.
    """
    ready = threading.Event()
    ends: list[Callable[[], object]] = []
    failures: list[OSError] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            await server.start()
        except OSError as error:
            failures.append(error)
            ready.set()
            return
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        ready.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=runner(), args=(serve(),), name=name, daemon=True)
    thread.start()
    ready.wait()
    try:
        if failures:
            raise failures[0]
        yield
    finally:
        for end in ends:
            end()
        thread.join()
