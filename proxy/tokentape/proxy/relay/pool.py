"""Connections to the upstream: made on demand, kept while they live, never queued for."""

from __future__ import annotations

import asyncio
import select
import ssl
from time import monotonic
from typing import TYPE_CHECKING, Final

from tokentape.proxy.relay.upstream import UpstreamConnection

if TYPE_CHECKING:
    from tokentape.proxy.relay.exchange import Exchange
    from tokentape.proxy.relay.upstream_url import Upstream

_IDLE_SECONDS: Final = 90.0
"""How long an idle connection is kept: longer than pauses in an agent's work, shorter than most
servers' own limits that are worth waiting for."""
_DOUBT_SECONDS: Final = 0.05
"""After this long in the pool a connection is asked whether it still lives before it is used."""
_GONE: Final = select.POLLIN | getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class ConnectError(Exception):
    """The upstream could not be reached.

    Attributes:
        timeout: it did not answer in time, as opposed to refusing.
        code: for machines, low cardinality.
    """

    def __init__(self, message: str, code: str, *, timeout: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.timeout = timeout


class Pool:
    """All connections of one worker to its upstream."""

    def __init__(self, upstream: Upstream, *, connect_seconds: float = 10.0) -> None:
        self.upstream = upstream
        self.connections: set[UpstreamConnection] = set()
        self._idle: list[UpstreamConnection] = []
        self._connect_seconds = connect_seconds
        self._tls = _tls_context() if upstream.tls else None
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self) -> UpstreamConnection | None:
        """An idle connection that still lives, the one used last first."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.transport.is_closing():
                continue
            if monotonic() - connection.idle_since < _DOUBT_SECONDS or not _is_stale(connection):
                return connection
            connection.discard()
        return None

    def put(self, connection: UpstreamConnection) -> None:
        """Keep a connection whose reply has ended."""
        connection.idle_since = monotonic()
        self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if connection.idle_since and connection in self._idle:
            self._idle.remove(connection)

    def connect(self, exchange: Exchange) -> None:
        """Make a new connection for an exchange and send its request, or fail it."""
        task = asyncio.get_running_loop().create_task(self._connect(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def sweep(self, now: float) -> None:
        """Close what has been idle for long. `now` is in monotonic seconds."""
        while self._idle and now - self._idle[0].idle_since > _IDLE_SECONDS:
            self._idle[0].discard()

    def close(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        for connection in list(self.connections):
            connection.discard()

    async def _connect(self, exchange: Exchange) -> None:
        try:
            connection = await self._open()
        except ConnectError as error:
            exchange.client.connect_failed(exchange, error)
            return
        if exchange.id not in exchange.live:
            # The client left meanwhile; the next one can use it.
            self.put(connection)
            return
        exchange.fresh = True
        exchange.send_request(connection)
        exchange.client.connected()

    async def _open(self) -> UpstreamConnection:
        upstream = self.upstream
        name = upstream.host_header
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await (self._open_via() if upstream.via else self._open_directly())
        except TimeoutError:
            raise ConnectError(
                f"{name} did not accept a connection within {self._connect_seconds:g} s: check the network.",
                "connect_timeout",
                timeout=True,
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise ConnectError(
                f"The certificate of {name} could not be verified ({error.verify_message}): "
                "set SSL_CERT_FILE to a bundle that contains its issuer.",
                "upstream_certificate",
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            setting = "HTTPS_PROXY" if upstream.via else "--upstream"
            raise ConnectError(
                f"{name} cannot be reached ({reason}): check the network and {setting}.",
                "upstream_unreachable",
            ) from None

    async def _open_directly(self) -> UpstreamConnection:
        upstream = self.upstream
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: UpstreamConnection(self), upstream.host, upstream.port, ssl=self._tls
        )
        return connection

    async def _open_via(self) -> UpstreamConnection:
        from tokentape.proxy.relay.tunnel import open_tunnel  # noqa: PLC0415 - rare

        assert self._tls is not None
        return await open_tunnel(self.upstream, self._tls, lambda: UpstreamConnection(self))


def _tls_context() -> ssl.SSLContext:
    """Verified TLS; OpenSSL itself honours SSL_CERT_FILE and SSL_CERT_DIR."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_stale(connection: UpstreamConnection) -> bool:
    """Whether anything, such as an end, has arrived that the loop has not seen yet."""
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket").fileno(), _GONE)
    return bool(poll.poll(0))
