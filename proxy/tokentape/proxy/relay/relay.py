"""One worker's relay: what its connections share."""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import TYPE_CHECKING

from tokentape.proxy import answers
from tokentape.proxy.frames import Ending
from tokentape.proxy.http1.server import Limits, ServerConnection
from tokentape.proxy.relay.client import ClientConnection
from tokentape.proxy.relay.outbox import Outbox
from tokentape.proxy.relay.pool import Pool

if TYPE_CHECKING:
    import socket

    from tokentape.proxy.frame_link import FrameLink
    from tokentape.proxy.relay.exchange import Exchange
    from tokentape.proxy.relay.upstream_url import Upstream

_SWEEP_SECONDS = 1.0


class Relay:
    """Accepts clients and carries their exchanges until it is drained."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        limits: Limits | None = None,
        idle_seconds: float = 660.0,
        connect_seconds: float = 10.0,
        whole_bodies: bool = False,
    ) -> None:
        """`idle_seconds` without a byte from the upstream end an exchange: longer than the SDK's 600.

        `whole_bodies`: see `Outbox`.
        """
        self.upstream = upstream
        self._whole_bodies = whole_bodies
        self.limits = limits or Limits()
        self.idle_seconds = idle_seconds
        self.pool = Pool(upstream, connect_seconds=connect_seconds)
        self.clients: set[ServerConnection] = set()
        self.live: dict[int, Exchange] = {}
        self.outbox: Outbox
        self.host = upstream.host_header.encode()
        self.prefix = upstream.prefix.encode()
        self.draining = False
        self.carried = 0
        self.refusals: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    def next_number(self) -> int:
        """The number of a new exchange."""
        self.carried += 1
        return self.carried

    def refused(self, code: str) -> None:
        """A client was refused before or inside its request."""
        self.refusals[code] = self.refusals.get(code, 0) + 1

    async def start(self, listener: socket.socket, link: FrameLink) -> None:
        """Serve clients of a listening socket."""
        loop = asyncio.get_running_loop()
        self.outbox = Outbox(loop, link, whole_bodies=self._whole_bodies)
        link.settle = self.outbox.flush
        self._server = await loop.create_server(lambda: ClientConnection(self), sock=listener, backlog=4096)
        self._sweeper = loop.create_task(self._sweep())

    async def drain(self, seconds: float) -> None:
        """Accept nothing new, let what is under way finish for at most `seconds`, close the rest."""
        self.draining = True
        if self._server:
            self._server.close()
        self.outbox.flush()
        for client in list(self.clients):
            if isinstance(client, ClientConnection) and client.exchange is None:
                client.transport.close()
        deadline = monotonic() + seconds
        while self._owes() and monotonic() < deadline:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.02)
        for exchange in list(self.live.values()):
            if exchange.upstream is not None:
                exchange.upstream.discard()
            exchange.client.upstream_failed(
                exchange, Ending.PROXY_ERROR, 503, "draining", "The proxy is shutting down: try again soon."
            )
        self.outbox.flush()
        for client in list(self.clients):
            client.transport.close()
        await asyncio.sleep(0)
        self.pool.close()
        if self._sweeper:
            self._sweeper.cancel()

    def _owes(self) -> bool:
        """Something is under way, or written and not yet taken by its client."""
        return bool(self.live) or any(client.transport.get_write_buffer_size() for client in self.clients)

    def local_answer(self, target: bytes, *, close: bool, body: bool) -> bytes:
        """The worker's own answers, below `/.tokentape/`; arguments as in `answers.error`."""
        path = target.partition(b"?")[0]
        if path == b"/.tokentape/healthz":
            value = {
                "status": "draining" if self.draining else "ok",
                "pid": os.getpid(),
                "inflight": len(self.live),
                "upstream": self.upstream.origin,
            }
            return answers.json(200, value, close=close, body=body)
        return answers.error(
            404,
            "unknown_path",
            "Only /.tokentape/healthz is answered here: other paths go upstream.",
            close=close,
            body=body,
        )

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = monotonic()
            for client in list(self.clients):
                client.sweep(now)
            self.pool.sweep(now)
