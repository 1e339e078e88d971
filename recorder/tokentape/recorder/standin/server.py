"""The stand-in as a server: on a port of the loopback, in this process or in one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final, Self

from tokentape.recorder.standin.connection import StandInConnection
from tokentape.recorder.standin.repeats import Repeats
from tokentape.recorder.standin.state import State
from tokentape.recorder.wire.player import Player

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType
    from typing import Any

    from tokentape.proxy.http1.server import ServerConnection
    from tokentape.recorder.standin.behaviour import Settings
    from tokentape.recorder.standin.totals import Totals

_SWEEP_SECONDS: Final = 1.0


class StandIn:
    """A stand-in upstream in the running event loop.

    Use it as an async context manager, or call `start` and `stop`. From code without an event loop,
    `standing_in` runs one in a thread.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """With `port` 0 the system chooses one; `tls` makes it an https server."""
        self.state = State(settings)
        self.connections: set[ServerConnection] = set()
        self.repeats = Repeats()
        self.player: Player
        self.port = port
        self._host = host
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What to set as base_url."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    @property
    def totals(self) -> Totals:
        """What was said so far."""
        self.settle()
        return self.state.totals

    def settle(self) -> None:
        """Bring the totals up to date."""
        self.repeats.settle(self.state.totals)

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self.player = Player(loop)
        self._server = await loop.create_server(
            lambda: StandInConnection(self), self._host, self.port, ssl=self._tls, backlog=4096
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
            now = self.state.now()
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
def standing_in(settings: Settings | None = None, *, tls: ssl.SSLContext | None = None) -> Generator[StandIn]:
    """A stand-in that serves from a thread of its own until the block ends."""
    standin = StandIn(settings, tls=tls)
    ready = threading.Event()
    ends: list[Callable[[], object]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with standin:
            ends.append(lambda: loop.call_soon_threadsafe(stop.set))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=runner(), args=(serve(),), name="standin", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield standin
    finally:
        ends[0]()
        thread.join()
