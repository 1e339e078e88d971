"""A connection to the upstream: reads replies, finds their ends, passes their bytes on as they come."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from tokentape.proxy.frames import Ending, Flag, Kind
from tokentape.proxy.http1.errors import ProtocolError
from tokentape.proxy.http1.framing import Body, ChunkedReader, response_body
from tokentape.proxy.http1.heads import ResponseHeadReader
from tokentape.proxy.relay.exchange import SKIM
from tokentape.proxy.relay.forwarding import response_head
from tokentape.proxy.relay.outbox import LARGE

if TYPE_CHECKING:
    from tokentape.proxy.http1.heads import ResponseHead
    from tokentape.proxy.relay.exchange import Exchange
    from tokentape.proxy.relay.pool import Pool

# Bare integers: looked up and packed for every chunk.
_RESPONSE_HEAD: Final = int(Kind.RESPONSE_HEAD)
_RESPONSE_BODY: Final = int(Kind.RESPONSE_BODY)
_LENGTH: Final = int(Body.LENGTH)
_CHUNKED: Final = int(Body.CHUNKED)
_EOF: Final = int(Body.EOF)


class UpstreamConnection(asyncio.Protocol):
    """Carries one exchange at a time; idle in the pool between them."""

    __slots__ = (
        "_body",
        "_chunked",
        "_keep_alive",
        "_plain",
        "_pool",
        "_reader",
        "_remaining",
        "exchange",
        "full",
        "idle_since",
        "paused",
        "seen",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.exchange: Exchange | None = None
        self.seen = 0.0
        """Monotonic seconds of the last bytes either way."""
        self.idle_since = 0.0
        """Monotonic seconds at which it went into the pool; 0 while it was never there."""
        self.full = False
        """It takes no more for now."""
        self.paused = False
        """Not read, because the client is slower than the upstream."""
        self._reader: ResponseHeadReader | None = None
        self._body = Body.NONE
        self._chunked: ChunkedReader | None = None
        self._remaining = 0
        self._keep_alive = False
        self._plain = False

    # Transport events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected (after TLS, where there is TLS)."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not registered as one
        self.seen = monotonic()
        self.transport.set_write_buffer_limits(high=256 * 1024)
        self._pool.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes from the upstream."""
        received = self.seen = monotonic()
        exchange = self.exchange
        if exchange is None:
            # An idle connection has nothing to say; whatever this is, it is no reply of ours.
            self.discard()
            return
        try:
            if exchange.response_head:
                self._pass_body(exchange, data, b"", received)
            else:
                self._read_head(exchange, data, received)
        except ProtocolError as error:
            self._fail(exchange, f"the upstream's reply is not HTTP/1.1: {error.message}")

    def eof_received(self) -> bool:
        """asyncio: the upstream will send no more; a half-open connection is of no use."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self._pool.forget(self)
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if exchange.response_head:
            if self._body == Body.EOF and exc is None:
                self._complete(exchange)
            else:
                exchange.client.upstream_lost(exchange, "the upstream closed the connection inside its reply")
        else:
            # A connection that has begun to reply was not stale.
            stale = bool(self.idle_since) and self._reader is None
            exchange.client.upstream_silent(exchange, reused=stale)

    def pause_writing(self) -> None:
        """asyncio: the upstream is slower than the client."""
        self.full = True
        if self.exchange:
            self.exchange.client.pause_client()

    def resume_writing(self) -> None:
        """asyncio: the upstream has caught up."""
        self.full = False
        self.seen = monotonic()
        if self.exchange:
            self.exchange.client.resume_client()

    # What the client side calls.

    def pause(self) -> None:
        """Stop reading: the client has not taken what there is."""
        if not self.paused and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self.paused and not self.transport.is_closing():
            self.paused = False
            self.seen = monotonic()
            self.transport.resume_reading()

    def discard(self) -> None:
        """Close at once, without a word to the exchange."""
        self.exchange = None
        self._pool.forget(self)
        self.transport.abort()

    # The reply.

    def _read_head(self, exchange: Exchange, data: bytes, received: float) -> None:
        while data:
            reader = self._reader
            if reader is None:
                reader = self._reader = ResponseHeadReader()
            used = reader.feed(data)
            if used is None:
                return
            self._reader = None
            head = reader.head()
            rest = data[used:] if used < len(data) else b""
            if head.status >= 200:
                self._begin_reply(exchange, head, rest, received)
                return
            self._pass_interim(exchange, head)
            data = rest

    def _pass_interim(self, exchange: Exchange, head: ResponseHead) -> None:
        if head.status == 101:
            raise ProtocolError(502, "upgrade", "it switched protocols, which nobody asked for")
        if exchange.modern:
            exchange.client.write(head.raw)

    def _begin_reply(self, exchange: Exchange, head: ResponseHead, rest: bytes, received: float) -> None:
        body = self._body = response_body(
            method=exchange.method,
            status=head.status,
            transfer_encoding=head.transfer_encoding,
            content_length=head.content_length,
        )
        self._keep_alive = head.keep_alive
        self._remaining = head.content_length
        self._plain = body == Body.CHUNKED and not exchange.modern
        if body == Body.CHUNKED:
            self._chunked = ChunkedReader()
        exchange.response_head = head.raw
        exchange.response_at = received
        exchange.begun = True
        client = exchange.client
        exchange.open_ended = body == Body.EOF or self._plain
        close = client.closes_after(ends=exchange.open_ended or not exchange.request_ended)
        out = response_head(head, close=close, plain=self._plain)
        self._pass_body(exchange, rest, out, received)

    def _pass_body(self, exchange: Exchange, data: bytes, head: bytes, received: float) -> None:  # noqa: C901 - every call is paid for each event
        """Pass on body bytes, behind `head` where the reply begins with them. The hot path of streams."""
        body = self._body
        pieces: list[bytes] | tuple[bytes, ...]
        done = False
        surplus = False
        if body == _CHUNKED:
            chunked = self._chunked
            assert chunked is not None
            pieces, used = chunked.feed(data)
            done = chunked.done
            surplus = used < len(data)
            raw = b"".join(pieces) if self._plain else data[:used] if surplus else data
        elif body == _LENGTH:
            remaining = self._remaining = self._remaining - len(data)
            done = remaining <= 0
            surplus = remaining < 0
            raw = data[:remaining] if surplus else data
            pieces = (raw,) if raw else ()
        elif body == _EOF:
            raw = data
            pieces = (raw,) if raw else ()
        else:
            done = True
            surplus = bool(data)
            raw = b""
            pieces = ()
        outbox = exchange.outbox
        outbox.write(exchange.client.transport, head + raw if head else raw)
        payload = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if not exchange.reply_start and payload:
            exchange.reply_start = payload[:SKIM]
        flags = Flag.LAST if done else 0
        if done:
            exchange.live.pop(exchange.id, None)
        if head:
            payload = exchange.response_head + payload
            outbox.frame(exchange, _RESPONSE_HEAD, flags, received, payload, 0, done)
        elif payload or done:
            outbox.frame(exchange, _RESPONSE_BODY, flags, received, payload, 0, done)
        if len(data) > LARGE:
            outbox.flush()
        if done:
            if surplus:
                self._keep_alive = False
            self._complete(exchange)

    def _complete(self, exchange: Exchange) -> None:
        """The reply is whole: free the connection, then let the client go on."""
        self.exchange = None
        self._chunked = None
        transport = self.transport
        reusable = (
            self._keep_alive
            and exchange.request_ended
            and self._body != Body.EOF
            and not transport.is_closing()
            # A reply can come before its request has been taken.
            and not transport.get_write_buffer_size()
        )
        if reusable:
            self.resume()
            self._pool.put(self)
        else:
            self.discard()
        exchange.client.reply_complete(exchange)

    def _fail(self, exchange: Exchange, reason: str) -> None:
        self.discard()
        exchange.client.upstream_failed(exchange, Ending.UPSTREAM_ABORT, 502, "upstream_protocol", reason)
