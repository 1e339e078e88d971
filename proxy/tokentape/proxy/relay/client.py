"""The relay's side towards a client: takes requests in, hands them to the upstream side, ends exchanges.

Nothing here waits: every step is a reaction to bytes, to a connection made or lost, or to a sweep.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final

from tokentape.proxy import answers
from tokentape.proxy.frames import Ending
from tokentape.proxy.http1.errors import ProtocolError
from tokentape.proxy.http1.server import Reading, ServerConnection
from tokentape.proxy.relay.exchange import Exchange
from tokentape.proxy.relay.forwarding import request_head, take_label_segment
from tokentape.proxy.relay.outbox import LARGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.http1.heads import RequestHead
    from tokentape.proxy.relay.pool import ConnectError
    from tokentape.proxy.relay.relay import Relay

_HELD_LIMIT: Final = 256 * 1024
"""Bytes of a body that wait for a connection before the client is no longer read."""
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class ClientConnection(ServerConnection):
    """One client's connection, and the exchange under way on it."""

    __slots__ = ("_closing", "_head_method", "exchange", "relay")

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay.clients, relay.limits)
        self.relay = relay
        self.exchange: Exchange | None = None
        self._head_method = False
        self._closing = False

    # Requests.

    def request_started(self, head: RequestHead, raw: bytes, pieces: Sequence[bytes], *, ended: bool) -> None:
        """Open an exchange; see `ServerConnection`."""
        relay = self.relay
        self._head_method = head.method == b"HEAD"
        self._closing = False
        segment, target = take_label_segment(head.target)
        if target.startswith(b"/.tokentape/"):
            self._answer_locally(target)
            return
        _judge(head, target)
        out, header = request_head(head, relay.prefix + target, relay.host)
        labels = segment + b"," + header if segment and header else segment or header
        exchange = self.exchange = Exchange(
            relay.next_number(),
            self,
            relay.outbox,
            relay.live,
            head.method,
            head.modern,
            out,
            labels,
            self.received,
        )
        exchange.request_ended = ended
        exchange.hold(raw, pieces)
        upstream = relay.pool.take()
        if upstream is None:
            relay.pool.connect(exchange)
        else:
            exchange.send_request(upstream)

    def request_body(self, raw: bytes, pieces: Sequence[bytes], *, ended: bool) -> None:
        """Pass on more of a body; see `ServerConnection`."""
        exchange = self.exchange
        if exchange is None:
            return
        exchange.request_ended = ended
        upstream = exchange.upstream
        if upstream is None:
            exchange.hold(raw, pieces)
            if exchange.held_bytes > _HELD_LIMIT:
                self.pause_client()
        elif len(raw) > LARGE or exchange.held:
            # Not written before everything that came in this turn has been read: an upstream that
            # answers early and closes would have its answer lost by one more write.
            exchange.hold(raw, pieces)
            self.pause_client()
            asyncio.get_running_loop().call_soon(self._pass_held, True)
        else:
            exchange.body_written = True
            exchange.outbox.write(upstream.transport, raw)
            upstream.seen = self.received
            exchange.frame_body(pieces)

    def _pass_held(self, patient: bool) -> None:  # noqa: FBT001 - call_soon passes by position
        """Pass on a large part of a body, unless the upstream has just said something."""
        exchange = self.exchange
        upstream = exchange.upstream if exchange else None
        if exchange is None or upstream is None or not exchange.held:
            return
        if patient and upstream.has_news():
            asyncio.get_running_loop().call_soon(self._pass_held, False)
            return
        exchange.send_held(upstream)
        if not upstream.full:
            self.resume_client()

    def connected(self) -> None:
        """The exchange has its connection, and what was held is about to be written.

        If that is more than the upstream takes, its transport says so then, and only then does it
        ever say that there is room again: so the client is read until it does.
        """
        if self._stalled and self.exchange and self.exchange.upstream:
            self.exchange.upstream.pause()
        self.resume_client()

    # Ends.

    def reply_complete(self, exchange: Exchange) -> None:
        """The whole reply has been written."""
        exchange.finish(Ending.COMPLETE)
        self.exchange = None
        self._head_method = False
        self.reply_finished(keep_alive=not self._closing and not self.relay.draining)

    def client_gone(self, error: ProtocolError | None) -> None:
        """The client left: close the upstream at once, so that it stops working for nobody."""
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if exchange.upstream is not None:
            exchange.upstream.discard()
        if error is None or error.code == "half_closed":
            exchange.finish(Ending.CLIENT_ABORT)
        else:
            exchange.finish(Ending.PROXY_ERROR, error.status, error.code)

    def upstream_lost(self, exchange: Exchange, reason: str) -> None:
        """The upstream left inside its reply: the client's connection ends too, without a fake ending."""
        exchange.finish(Ending.UPSTREAM_ABORT, 0, reason)
        self._break(exchange)

    def upstream_silent(self, exchange: Exchange, *, reused: bool) -> None:
        """The upstream left before it replied: try again where nothing can have happened, else say so."""
        exchange.upstream = None
        if reused and not exchange.body_written and not exchange.retried:
            exchange.retried = True
            self.relay.pool.connect(exchange)
            return
        self.upstream_failed(
            exchange,
            Ending.UPSTREAM_ABORT,
            502,
            "upstream_closed",
            f"{self.relay.host.decode()} closed the connection before it replied: send the request again.",
        )

    def connect_failed(self, exchange: Exchange, error: ConnectError) -> None:
        """There is no connection to be had."""
        if self.exchange is not exchange:
            return
        if error.timeout:
            self.upstream_failed(exchange, Ending.TIMEOUT, 504, error.code, str(error))
        else:
            self.upstream_failed(exchange, Ending.PROXY_ERROR, 502, error.code, str(error))

    def upstream_failed(
        self, exchange: Exchange, ending: Ending, status: int, code: str, message: str
    ) -> None:
        """Answer for the upstream, or break off where a reply has begun."""
        if exchange.begun:
            exchange.finish(ending, 0, code)
            self._break(exchange)
            return
        exchange.finish(ending, status, code)
        self.exchange = None
        self.write(answers.error(status, code, message, close=True, body=not self._head_method))
        self.reply_finished(keep_alive=False)

    def sweep(self, now: float) -> None:
        """End what has been silent for too long; see `ServerConnection`."""
        exchange = self.exchange
        upstream = exchange.upstream if exchange else None
        if exchange is None or upstream is None:
            super().sweep(now)
        elif upstream.paused:
            if (
                now - self.received > self.relay.idle_seconds
                and now - upstream.seen > self.relay.idle_seconds
            ):
                _end_with_reset(self.transport)
                self.transport.abort()
        elif exchange.request_ended or self._reading_paused:
            idle = now - upstream.seen
            if idle > self.relay.idle_seconds:
                upstream.discard()
                host = self.relay.host.decode()
                self.upstream_failed(
                    exchange,
                    Ending.TIMEOUT,
                    504,
                    "upstream_timeout",
                    f"{host} sent nothing for {idle:.0f} s: send the request again, or stream it.",
                )
        else:
            super().sweep(now)

    # Back-pressure: asyncio calls these about the client's socket.

    def pause_writing(self) -> None:
        """asyncio: the client is slower than the upstream."""
        super().pause_writing()
        if self.exchange and self.exchange.upstream:
            self.exchange.upstream.pause()

    def resume_writing(self) -> None:
        """asyncio: the client has caught up."""
        if self.exchange and self.exchange.upstream:
            self.exchange.upstream.resume()
        super().resume_writing()

    # What the base class asks.

    def refuse(self, error: ProtocolError) -> None:
        """See `ServerConnection`; counted here where there is no exchange that tells."""
        if self.exchange is None:
            self.relay.refused(error.code)
        super().refuse(error)

    def write(self, data: bytes) -> None:
        """See `ServerConnection`: in order with the bytes of replies."""
        self.relay.outbox.write(self.transport, data)

    def flush(self) -> None:
        """See `ServerConnection`."""
        self.relay.outbox.flush()

    def reply_begun(self) -> bool:
        """See `ServerConnection`."""
        return self.exchange is not None and self.exchange.begun

    def refusal(self, error: ProtocolError) -> bytes:
        """See `ServerConnection`."""
        return answers.error(error.status, error.code, error.message, close=True, body=not self._head_method)

    def closes_after(self, *, ends: bool) -> bool:
        """Whether the connection ends with the current reply; from then on this is a promise.

        `ends` says that the reply itself leaves no other way.
        """
        self._closing = ends or not self._keep_alive or self.relay.draining
        return self._closing

    # Helpers.

    def _answer_locally(self, target: bytes) -> None:
        close = self.closes_after(ends=self.reading == Reading.BODY)
        self.write(self.relay.local_answer(target, close=close, body=not self._head_method))
        self._head_method = False
        self.reply_finished(keep_alive=not close)

    def _break(self, exchange: Exchange) -> None:
        """End the connection so that the client cannot take the reply for complete."""
        self.exchange = None
        self.reading = Reading.DISCARD
        self.flush()
        if exchange.open_ended:
            _end_with_reset(self.transport)
        self.transport.close()


def _end_with_reset(transport: asyncio.Transport) -> None:
    """Let the connection end with a reset: an orderly end can be the end of a reply."""
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)


def _judge(head: RequestHead, target: bytes) -> None:
    """Refuse what a reverse proxy cannot carry."""
    if head.method == b"CONNECT":
        raise ProtocolError(
            405,
            "connect",
            "This port is no forward proxy: set base_url (ANTHROPIC_BASE_URL), not HTTPS_PROXY.",
        )
    if not target.startswith(b"/"):
        raise ProtocolError(
            400,
            "target",
            "The request target must be a path: set base_url (ANTHROPIC_BASE_URL), not HTTP_PROXY.",
        )
    if head.upgrade and head.upgrade != b"h2c":
        raise ProtocolError(
            400, "upgrade", "Protocol upgrades are not carried: the Messages API streams over plain HTTP."
        )
