"""Time to the first event of a stream while other streams are open.

A fixed number of slots, each a keep-alive connection that opens one stream after the other; the slots
start spread over the length of a stream, so that they stay out of step. The clock starts when the
request is handed to the transport and stops when the bytes of the first whole event were read. One
uvloop process is the client of every contender alike, so its own delay is in every figure.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, cast

import uvloop
from tests.benchmarks.children import HOST
from tests.benchmarks.load import Carried
from tests.benchmarks.percentile import percentile

if TYPE_CHECKING:
    from tests.benchmarks.load import Load, Running
    from tests.benchmarks.traffic import Traffic

_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_PATIENCE_SECONDS: Final = 30.0
"""How long open streams may take to end after the load."""


class _Tally:
    """What all slots have seen."""

    def __init__(self, counted_from: float, stop_at: float) -> None:
        self.counted_from = counted_from
        self.stop_at = stop_at
        self.complete = 0
        self.failed = 0
        self.waits: list[float] = []
        """Seconds to the first event, of streams that began while every slot had one open."""


class _Slot(asyncio.Protocol):
    """One connection, one stream at a time."""

    def __init__(self, request: bytes, tally: _Tally, ended: asyncio.Future[None]) -> None:
        self._request = request
        self._tally = tally
        self._ended = ended
        self._transport: asyncio.WriteTransport | None = None
        self._sent: float | None = None
        self._received = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        if time.perf_counter() >= self._tally.stop_at:
            self._transport.close()
            return
        self._received, self._open = b"", True
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._sent is not None:
            if not _has_event(self._received):
                return
            if self._sent >= self._tally.counted_from:
                self._tally.waits.append(time.perf_counter() - self._sent)
            self._sent = None
        if self._received.endswith(_LAST_CHUNK):
            self._tally.complete += 1
            self._open = False
            self._next()
        else:
            self._received = self._received[-len(_LAST_CHUNK) :]

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.failed += self._open or exc is not None
        if not self._ended.done():
            self._ended.set_result(None)


def _has_event(received: bytes) -> bool:
    """A reply so far holds one whole event: its blank line stands after the head's."""
    head = received.find(b"\r\n\r\n")
    return head >= 0 and received.find(b"\n\n", head + 4) >= 0


async def _run(port: int, request: bytes, slots: int, length: float, seconds: float) -> Carried:
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    tally = _Tally(begin + length, begin + length + seconds)

    async def slot(number: int) -> None:
        await asyncio.sleep(length * number / slots)
        ended: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda: _Slot(request, tally, ended), HOST, port)
        await ended

    async with asyncio.timeout(length + seconds + _PATIENCE_SECONDS):
        await asyncio.gather(*(slot(number) for number in range(slots)))
    return Carried(
        calls=tally.complete,
        seconds=time.perf_counter() - begin,
        failed=tally.failed,
        p50=percentile(tally.waits, 50),
        p99=percentile(tally.waits, 99),
    )


def open_streams(traffic: Traffic, *, slots: int, length: float, seconds: float) -> Load:
    """A load of `slots` streams of `length` seconds each that are open at any time."""

    def load(running: Running) -> Carried:
        request = traffic.request(running.port, running.prefix)
        return uvloop.run(_run(running.port, request, slots, length, seconds))

    return load
