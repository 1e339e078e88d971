"""A TLS connection through a corporate proxy, by CONNECT (RFC 9110, section 9.3.6)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from tokentape.proxy.http1.errors import ProtocolError
from tokentape.proxy.http1.heads import ResponseHeadReader

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tokentape.proxy.relay.upstream import UpstreamConnection
    from tokentape.proxy.relay.upstream_url import Upstream


class _Opening(asyncio.Protocol):
    """Asks for a tunnel and waits for the answer."""

    def __init__(self, name: str, request: bytes) -> None:
        self._name = name
        self._request = request
        self._reader = ResponseHeadReader()
        self.answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            return
        try:
            if self._reader.feed(data) is not None:
                self.answer.set_result(self._reader.head().status)
        except ProtocolError:
            self.answer.set_exception(OSError(f"{self._name} answered CONNECT with what is not HTTP"))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.answer.done():
            self.answer.set_exception(OSError(f"{self._name} closed the connection at CONNECT"))


async def open_tunnel(
    upstream: Upstream, context: ssl.SSLContext, connection: Callable[[], UpstreamConnection]
) -> UpstreamConnection:
    """Connect to the upstream through its `via`.

    Raises:
        OSError: the proxy cannot be reached or refuses; the text says which.
        ssl.SSLError: the upstream's certificate is not trusted.
    """
    via = upstream.via
    assert via is not None
    loop = asyncio.get_running_loop()
    name = f"HTTPS_PROXY {via.host}:{via.port}"
    target = f"{upstream.host}:{upstream.port}"
    authorization = f"Proxy-Authorization: {via.authorization}\r\n" if via.authorization else ""
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n".encode()
    try:
        transport, opening = await loop.create_connection(lambda: _Opening(name, request), via.host, via.port)
    except OSError as error:
        raise OSError(f"{name}: {error.strerror or error}") from None
    try:
        status = await opening.answer
        if not 200 <= status < 300:
            raise OSError(f"{name} answered CONNECT with status {status}")  # noqa: TRY301 - one exit
        protocol = connection()
        secured = await loop.start_tls(transport, protocol, context, server_hostname=upstream.host)
    except BaseException:
        transport.abort()
        raise
    assert secured is not None
    protocol.connection_made(secured)
    return protocol
