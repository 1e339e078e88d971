"""Everything one turn of the event loop passes on, written together at its end.

A write to a socket wakes the process behind it. Written one by one between reads, 32 busy connections
cost 32 wake-ups a turn; written together, the peer stays awake and most of that cost is gone.
Nothing is held back: the writes happen before the loop waits for sockets again.

The frames about those bytes are stamped after the writes, so `written` is never too early.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

    from tokentape.proxy.frame_link import FrameLink, LiveExchange


LARGE: Final = 64 * 1024
"""Bytes of one read after which no more is read before it is written: a loop reads a busy socket dozens
of times in one turn, and only what is written lets the other side's slowness be felt."""


class Outbox:
    """Writes and frames of the current turn."""

    __slots__ = ("_frames", "_link", "_loop", "_scheduled", "_whole_bodies", "_writes")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, link: FrameLink, *, whole_bodies: bool = False
    ) -> None:
        """With `whole_bodies` no body is skimmed, since somebody records: calls are lost instead."""
        self._loop = loop
        self._link = link
        self._whole_bodies = whole_bodies
        self._writes: list[tuple[asyncio.WriteTransport, bytes | tuple[bytes, ...]]] = []
        self._frames: list[tuple[LiveExchange, int, int, float, bytes, int, bool]] = []
        self._scheduled = False

    def behind(self) -> bool:
        """See `FrameLink.behind`."""
        return self._link.behind()

    def skims(self) -> bool:
        """Large bodies had better be skimmed now."""
        return self._link.behind() and not self._whole_bodies

    def write(self, transport: asyncio.WriteTransport, data: bytes | tuple[bytes, ...]) -> None:
        """Write to a transport at the end of this turn; of a tuple, one after the other in one go."""
        self._writes.append((transport, data))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def frame(  # noqa: PLR0913 - one positional call a frame, measured
        self,
        exchange: LiveExchange,
        kind: int,
        flags: int,
        received: float,
        payload: bytes,
        status: int = 0,
        last: bool = False,  # noqa: FBT001, FBT002 - positional for speed
    ) -> None:
        """Queue a frame behind this turn's writes; `last` as in `FrameLink.send`."""
        self._frames.append((exchange, kind, flags, received, payload, status, last))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write now; called early where a connection is about to be closed."""
        self._scheduled = False
        writes, self._writes = self._writes, []
        for transport, data in writes:
            try:
                if isinstance(data, tuple):
                    transport.writelines(data)
                else:
                    transport.write(data)
            except RuntimeError:
                # uvloop's word for a transport that was closed in this very turn. Its exchange learns
                # that from `connection_lost`; the writes behind this one belong to others.
                continue
        frames, self._frames = self._frames, []
        written = monotonic()
        send = self._link.send
        for exchange, kind, flags, received, payload, status, last in frames:
            send(exchange, kind, flags, received, written, payload, status, last)
