"""One client connection as a server sees it: requests in order, limits, back-pressure, clean refusals.

Subclasses get heads and body bytes as they come and write the replies themselves; this class decides
where requests begin and end. One request is served at a time: what a client pipelines waits.

Rules for whoever changes this file:

- `data_received` is the relay's hot path. Nothing is added to it without a benchmark.
- A refusal always reaches the client: the reply is written, then what still comes in is read and
  thrown away for a while (closing at once would reset the connection under the reply).
- Every state has a deadline, enforced by `sweep`, which runs about once a second.
- No request is begun while the client has not taken the replies before it: they are all in memory.
"""

from __future__ import annotations

import asyncio
import enum
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

import msgspec

from tokentape.proxy.http1.errors import ProtocolError
from tokentape.proxy.http1.framing import ChunkedReader
from tokentape.proxy.http1.heads import HEAD_LIMIT, RequestHead, RequestHeadReader
from tokentape.proxy.http1.memory import HeadMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

_AHEAD_LIMIT: Final = 256 * 1024
"""Bytes a client may pipeline ahead before its socket is no longer read."""
_LINGER_SECONDS: Final = 30.0
_LINGER_IDLE_SECONDS: Final = 3.0


_MEMORY: Final = HeadMemory()
"""Of all connections: an SDK opens several and sends the same head on each."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may send, and how long it may take. Bytes and seconds."""

    head_bytes: int = HEAD_LIMIT
    body_bytes: int = 64 * 1024 * 1024
    head_seconds: float = 30.0
    """From the first byte of a head to its last."""
    body_idle_seconds: float = 120.0
    """Between two pieces of a request body, while the server is ready to read."""
    idle_seconds: float = 300.0
    """Between two requests; longer than the pools of common clients keep a connection."""


class Reading(enum.IntEnum):
    """What the next byte from the client belongs to."""

    HEAD = 0
    BODY = 1
    AHEAD = 2
    """The request is complete and its reply is under way: pipelined bytes wait."""
    DISCARD = 3
    """The connection is ending; bytes are read so that the reply is not lost, and dropped."""


class ServerConnection(asyncio.Protocol):
    """Reads requests from one connection."""

    __slots__ = (
        "_ahead",
        "_body_bytes",
        "_chunked",
        "_deadline",
        "_keep_alive",
        "_reader",
        "_reading_paused",
        "_remaining",
        "_since",
        "_stalled",
        "_untaken",
        "connections",
        "limits",
        "reading",
        "received",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, connections: set[ServerConnection], limits: Limits) -> None:
        """Register in `connections`, whose owner calls `sweep` on each about once a second."""
        self.connections = connections
        self.limits = limits
        self.reading = Reading.HEAD
        self.received = 0.0
        """Monotonic seconds of the last bytes from the client."""
        self._since = 0.0
        self._deadline = 0.0
        self._reader = RequestHeadReader(limits.head_bytes)
        self._chunked: ChunkedReader | None = None
        self._remaining = 0
        self._body_bytes = 0
        self._ahead = b""
        self._keep_alive = True
        self._reading_paused = False
        self._stalled = False
        self._untaken = 0

    # What subclasses supply.

    def request_started(self, head: RequestHead, raw: bytes, pieces: Sequence[bytes], *, ended: bool) -> None:
        """A head has come, with the first part of its body as received and as payload pieces."""
        raise NotImplementedError

    def request_body(self, raw: bytes, pieces: Sequence[bytes], *, ended: bool) -> None:
        """More of the body has come."""
        raise NotImplementedError

    def client_gone(self, error: ProtocolError | None) -> None:
        """The client left, or broke the protocol as `error` says, while a request was under way."""
        raise NotImplementedError

    def refusal(self, error: ProtocolError) -> bytes:
        """The whole reply to a client that broke the protocol, with `connection: close`."""
        raise NotImplementedError

    def reply_begun(self) -> bool:
        """A part of the current reply has been written, so a refusal can no longer be sent."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Write to the client."""
        self.transport.write(data)

    def flush(self) -> None:
        """Hand everything to the transport; called before the connection is closed."""

    # Transport events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the client has connected."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not registered as one
        self._since = self.received = monotonic()
        self.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes from the client."""
        self.received = monotonic()
        reading = self.reading
        if reading == Reading.HEAD and not self._ahead:
            self._feed_head(data)
        elif reading == Reading.BODY:
            self._feed_body(data)
        elif reading != Reading.DISCARD:
            self._ahead += data
            if len(self._ahead) > _AHEAD_LIMIT:
                self.pause_client()

    def eof_received(self) -> bool:
        """asyncio: the client will send no more. A client that waits for a reply counts as gone.

        A client that closed and one that only shut its sending side look alike, and an abandoned
        call must stop costing money at once; the second kind gets a sentence that says so.
        """
        if self.reading == Reading.HEAD and not self._reader.started:
            self.flush()
            return False
        if self.reading == Reading.DISCARD:
            return False
        self.refuse(
            ProtocolError(
                400,
                "half_closed",
                "The connection's sending side was closed before the reply: keep it open until then.",
            )
        )
        # Nothing more can come in, so closing resets nothing: what is written still arrives.
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        del exc
        self.connections.discard(self)
        under_way = self.reading in (Reading.BODY, Reading.AHEAD)
        self.reading = Reading.DISCARD
        if under_way:
            self.client_gone(None)

    def pause_writing(self) -> None:
        """asyncio: the client does not take what is written."""
        self._stalled = True
        if self.reading == Reading.HEAD:
            self.pause_client()

    def resume_writing(self) -> None:
        """asyncio: the client has caught up."""
        self._stalled = False
        if self.reading == Reading.HEAD:
            self._read_ahead()

    # What subclasses call.

    def reply_finished(self, *, keep_alive: bool) -> None:
        """The reply has been written: read the next request, or end the connection."""
        if self.reading == Reading.BODY:
            # Answered early: the rest of the request is of no use to anybody.
            self._linger()
            self._end_writing()
        elif not (keep_alive and self._keep_alive):
            ahead = self._ahead
            self._linger(close=not ahead)
            if ahead:
                self._end_writing()
        else:
            self._next_request()

    def refuse(self, error: ProtocolError) -> None:
        """Answer with a refusal where that is still possible, and end the connection."""
        under_way = self.reading in (Reading.BODY, Reading.AHEAD)
        begun = under_way and self.reply_begun()
        self._linger(close=begun)
        if under_way:
            self.client_gone(error)
        if begun:
            return
        self.write(self.refusal(error))
        self._end_writing()

    def pause_client(self) -> None:
        """Stop reading from the client: what it sends cannot be passed on yet."""
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_client(self) -> None:
        """Read from the client again."""
        if self._reading_paused and not self.transport.is_closing():
            self._reading_paused = False
            self.received = monotonic()
            self.transport.resume_reading()

    def sweep(self, now: float) -> None:
        """End the connection if its client is too slow. `now` is in monotonic seconds."""
        reading = self.reading
        if reading == Reading.HEAD:
            started = self._reader.started
            allowed = self.limits.head_seconds if started else self.limits.idle_seconds
            if now - self._since > allowed:
                self._head_overdue(started=started)
        elif reading == Reading.BODY:
            idle = now - self.received
            if not self._reading_paused and idle > self.limits.body_idle_seconds:
                self.refuse(
                    ProtocolError(
                        408, "slow_body", f"No byte of the body came for {idle:.0f} s: send it again."
                    )
                )
        elif reading == Reading.DISCARD and self._overstayed(now):
            self.transport.abort()

    # Reading.

    def _overstayed(self, now: float) -> bool:
        """Whether the end of the connection makes no progress: the client takes nothing, or never stops."""
        untaken = self.transport.get_write_buffer_size()
        if untaken != self._untaken:
            self._untaken = untaken
            self._since = now
        if untaken or self.transport.is_closing():
            return now - self._since > self.limits.body_idle_seconds
        return now > self._deadline or now - self.received > _LINGER_IDLE_SECONDS

    def _head_overdue(self, *, started: bool) -> None:
        if not started:
            self.reading = Reading.DISCARD
            self.transport.close()
            return
        seconds = self.limits.head_seconds
        self.refuse(ProtocolError(408, "slow_head", f"The head took over {seconds:.0f} s: send it faster."))

    def _feed_head(self, data: bytes) -> None:
        reader = self._reader
        try:
            first = not reader.started
            if first and (end := data.find(b"\r\n\r\n") + 4) > 4 and (known := _MEMORY.recall(data[:end])):
                self._begin_body(known, data[end:])
                return
            used = reader.feed(data)
            if used is None:
                if first and reader.started:
                    self._since = self.received
                return
            head = reader.head()
            _MEMORY.keep(head)
            rest = data[used:] if used < len(data) else b""
            self._begin_body(head, rest)
        except ProtocolError as error:
            self.refuse(error)

    def _begin_body(self, head: RequestHead, rest: bytes) -> None:
        self._keep_alive = head.keep_alive
        length = head.content_length
        if length > self.limits.body_bytes:
            raise self._too_large()
        if head.chunked:
            self._chunked = ChunkedReader()
            self._body_bytes = 0
            self.reading = Reading.BODY
            raw, pieces = self._cut_chunked(rest)
        else:
            self._remaining = max(0, length)
            raw, pieces = self._cut_length(rest)
        ended = self.reading == Reading.AHEAD
        self.request_started(head, raw, pieces, ended=ended)

    def _feed_body(self, data: bytes) -> None:
        try:
            raw, pieces = self._cut_chunked(data) if self._chunked else self._cut_length(data)
        except ProtocolError as error:
            self.refuse(error)
            return
        self.request_body(raw, pieces, ended=self.reading == Reading.AHEAD)

    def _cut_length(self, data: bytes) -> tuple[bytes, Sequence[bytes]]:
        remaining = self._remaining - len(data)
        if remaining > 0:
            self._remaining = remaining
            self.reading = Reading.BODY
        else:
            self.reading = Reading.AHEAD
            if remaining < 0:
                self._ahead = data[remaining:]
                data = data[:remaining]
            self._remaining = 0
        return data, ((data,) if data else ())

    def _cut_chunked(self, data: bytes) -> tuple[bytes, Sequence[bytes]]:
        chunked = self._chunked
        assert chunked is not None
        pieces, used = chunked.feed(data)
        self._body_bytes += sum(map(len, pieces))
        if self._body_bytes > self.limits.body_bytes:
            raise self._too_large()
        if chunked.done:
            self._chunked = None
            self.reading = Reading.AHEAD
            if used < len(data):
                self._ahead = data[used:]
                data = data[:used]
        return data, pieces

    def _too_large(self) -> ProtocolError:
        megabytes = self.limits.body_bytes / (1024 * 1024)
        return ProtocolError(
            413,
            "body_too_large",
            f"The body is over {megabytes:g} MB: send less, or raise the proxy's limit.",
        )

    def _next_request(self) -> None:
        self.reading = Reading.HEAD
        self._since = monotonic()
        self._reader = RequestHeadReader(self.limits.head_bytes)
        if self._stalled:
            self.pause_client()
        elif self._ahead:
            # Not a call from here: a client may pipeline any number of requests.
            asyncio.get_running_loop().call_soon(self._read_ahead)
        else:
            self.resume_client()

    def _read_ahead(self) -> None:
        if self.reading != Reading.HEAD or self._stalled:
            return
        ahead, self._ahead = self._ahead, b""
        if ahead:
            # Its time begins now, not when it was sent behind a reply that took its own.
            self.received = monotonic()
            self._feed_head(ahead)
        if len(self._ahead) <= _AHEAD_LIMIT:
            self.resume_client()

    def _linger(self, *, close: bool = False) -> None:
        self.reading = Reading.DISCARD
        self._ahead = b""
        self._since = self.received = monotonic()
        if close:
            self.flush()
            self.transport.close()
            return
        self._deadline = self.received + _LINGER_SECONDS
        self.resume_client()

    def _end_writing(self) -> None:
        self.flush()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
