"""HTTP/1.1 as bytes on a socket: a client that sees everything, and messages read from RFC 9112 alone.

Nothing here shares code with the proxy, so both cannot be wrong in the same way.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Self, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RawHeaders = list[tuple[bytes, bytes]]

PATIENCE = 20.0
"""Seconds after which a test that waits for bytes has failed. Never waited for where all is well."""

HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"upgrade", b"te"),
        *(b"proxy-authorization", b"proxy-authenticate"),
    }
)
"""RFC 9110, section 7.6.1, as a client or server writes them."""


class Message(msgspec.Struct, kw_only=True):
    """One message as it came.

    `wire` is the body as it was framed, `body` its payload. A message is complete where its framing
    said so, or, without framing, where the connection ended orderly.
    """

    start: bytes
    headers: RawHeaders
    wire: bytes = b""
    body: bytes = b""
    trailers: RawHeaders = []
    complete: bool = False
    interim: list[bytes] = []
    """Whole heads of 1xx responses that came before."""

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.start.split(b" ", 2)[1])

    def header(self, name: bytes) -> bytes | None:
        """The first of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def end_to_end(self) -> RawHeaders:
        """The headers that a proxy must not touch, in order."""
        listed = {
            token.strip().lower()
            for name, value in self.headers
            if name.lower() == b"connection"
            for token in value.split(b",")
        }
        return [pair for pair in self.headers if pair[0].lower() not in HOP_BY_HOP | listed]


def parse_head(raw: bytes) -> Message:
    """A head with its empty line."""
    start, *lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    headers: RawHeaders = []
    for line in lines:
        name, _, value = line.partition(b":")
        headers.append((name, value.strip(b" \t")))
    return Message(start=start, headers=headers)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data cut at these places (taken modulo its length), in order, without empty pieces."""
    size = len(data)
    edges = sorted({0, size, *(place % size for place in places if size)})
    return [data[start:end] for start, end in pairwise(edges)]


def chunks(parts: Iterable[bytes], trailer: bytes = b"") -> bytes:
    """Chunked framing (RFC 9112, section 7.1) of the parts, none of them empty."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return framed + b"0\r\n" + trailer + b"\r\n"


class Wire(asyncio.Protocol):
    """Keeps every byte, and how the connection ended."""

    def __init__(self, connected: Callable[[Wire], None] | None = None) -> None:
        self._connected = connected
        self.data = bytearray()
        self.eof = False
        self.lost = False
        self.error: Exception | None = None
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._connected:
            self._connected(self)

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._changed.set()

    def eof_received(self) -> bool:
        self.eof = True
        self._changed.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.error = exc
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Peer:
    """One end of a connection, client or server, with what it received and did not yet take."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    @classmethod
    async def connect(cls, port: int) -> Self:
        """To a port of the loopback."""
        _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
        return cls(wire)

    # Sending.

    def send(self, data: bytes) -> None:
        """Hand bytes to the socket."""
        self.wire.transport.write(data)

    async def send_cut(self, parts: Iterable[bytes]) -> None:
        """Hand over each part in a turn of the loop of its own, so that they can arrive apart."""
        for part in parts:
            if self.closed:
                return
            self.send(part)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def half_close(self) -> None:
        """No more bytes from here."""
        self.wire.transport.write_eof()

    def close(self) -> None:
        """End orderly, once all is written."""
        self.wire.transport.close()

    def reset(self) -> None:
        """End with a reset (RST), if it has not ended yet."""
        if not self.wire.lost:
            self.linger_not()
            self.wire.transport.abort()

    def linger_not(self) -> None:
        """Make the end of this connection a reset, whenever it comes."""
        place = self.wire.transport.get_extra_info("socket")
        place.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # Receiving.

    @property
    def received(self) -> bytes:
        """What came and was not taken."""
        return bytes(self.wire.data)

    @property
    def closed(self) -> bool:
        """The other side ended, in whatever way."""
        return self.wire.eof or self.wire.lost

    @property
    def reset_by_peer(self) -> bool:
        """The other side ended with a reset."""
        return isinstance(self.wire.error, ConnectionResetError)

    async def until_received(self, size: int) -> None:
        """Wait for that many bytes, or the end."""
        await self.wire.until(lambda: len(self.wire.data) >= size or self.closed)

    async def until_seen(self, mark: bytes) -> None:
        """Wait until what came and was not taken contains these bytes, or the end."""
        data = self.wire.data
        await self.wire.until(lambda: mark in data or self.closed)
        assert mark in data

    async def until_closed(self) -> bytes:
        """Wait for the end; take all that came."""
        await self.wire.until(lambda: self.closed)
        return self._take(len(self.wire.data))

    async def message(self, *, method: bytes | None = None) -> Message | None:
        """The next message; None where the connection ended before one began.

        `method` is that of the request that is answered; None reads a request.
        """
        interim: list[bytes] = []
        while True:
            head = await self._until(b"\r\n\r\n")
            if not head.endswith(b"\r\n\r\n"):
                return parse_head(head) if head else None
            message = parse_head(head)
            message.interim = interim
            if method is None or not 100 <= message.status < 200:
                break
            interim.append(head)
        await self._body(message, method)
        return message

    async def _body(self, message: Message, method: bytes | None) -> None:
        length = message.header(b"content-length")
        bodiless = method is not None and (method == b"HEAD" or message.status in {204, 304})
        if bodiless:
            message.complete = True
        elif (message.header(b"transfer-encoding") or b"").lower() == b"chunked":
            await self._chunked(message)
        elif length is not None or method is None:
            size = int(length or b"0")
            await self.until_received(size)
            message.wire = message.body = self._take(size)
            message.complete = len(message.body) == size
        else:
            message.wire = message.body = await self.until_closed()
            message.complete = self.wire.error is None

    async def _chunked(self, message: Message) -> None:
        while True:
            line = await self._until(b"\r\n")
            message.wire += line
            if not line.endswith(b"\r\n"):
                return
            size = int(line.partition(b";")[0], 16)
            if not size:
                break
            await self.until_received(size + 2)
            piece = self._take(size + 2)
            message.wire += piece
            message.body += piece[:size]
            if len(piece) < size + 2:
                return
        while (line := await self._until(b"\r\n")) not in {b"\r\n", b""}:
            message.wire += line
            name, _, value = line.removesuffix(b"\r\n").partition(b":")
            message.trailers = [*message.trailers, (name, value.strip())]
        message.wire += line
        message.complete = line == b"\r\n"

    async def _until(self, mark: bytes) -> bytes:
        """Bytes up to and with the mark, or all there will ever be."""
        data = self.wire.data
        await self.wire.until(lambda: mark in data or self.closed)
        end = data.find(mark)
        return self._take(len(data) if end < 0 else end + len(mark))

    def _take(self, size: int) -> bytes:
        taken = bytes(self.wire.data[:size])
        del self.wire.data[:size]
        return taken
