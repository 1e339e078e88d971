"""What the stand-in upstream can do by itself, so that no other row measures it by mistake.

Run `python -m tests.benchmarks.standin`. Load comes from wrk on the same machine. `per core` divides
by the processor time that the stand-in used, so it does not depend on what wrk took; both are in the
table. Every row is checked first: the stand-in's own count must be at least wrk's, and nothing may fail.

`one event a write` is what a real upstream does: each event is a system call and a TCP segment of its
own. The last row is about times, not speed: how late events of paced streams arrive at a client.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import psutil
import uvloop
from tests.benchmarks.children import HOST
from tests.benchmarks.percentile import percentile
from tests.benchmarks.traffic import stream, unary
from tests.benchmarks.upstream import upstream
from tests.benchmarks.wrk import wrk

if TYPE_CHECKING:
    from tests.benchmarks.traffic import Traffic

SECONDS: Final = 3.0
CONNECTIONS: Final = 32
STREAMS: Final = 64
"""Paced streams that are open at the same time."""
EVENTS_A_SECOND: Final = 100
_DELTA: Final = b"event: content_block_delta\n"
_END: Final = b"\r\n0\r\n\r\n"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one load did."""

    calls: float
    """A second."""
    events: float
    """A second."""
    calls_per_core: float
    events_per_core: float
    """A second of the stand-in's processor time."""


def rows() -> dict[str, Traffic]:
    """The loads, by what they are called."""
    streamed = stream(200)
    together = {"separate": False}
    afresh = {"repeat": False}
    return {
        "4 KB in, 1 KB out": unary(4096),
        "4 KB in, 1 KB out, each read and answered afresh": _told(unary(4096), afresh),
        "200 KB in, 1 KB out": unary(200_000),
        "200 KB in, 1 KB out, each read and answered afresh": _told(unary(200_000), afresh),
        "streams of 200 events, one event a write": streamed,
        "streams of 200 events, one event a write, each said afresh": _told(streamed, afresh),
        "streams of 200 events, as few writes as can be": _told(streamed, together),
        "streams of 200 events, as few writes as can be, each said afresh": _told(
            streamed, together | afresh
        ),
    }


def _told(traffic: Traffic, changes: dict[str, Any]) -> Traffic:
    return msgspec.structs.replace(traffic, behaviour=traffic.behaviour | changes)


def measure(traffic: Traffic, seconds: float) -> Figures:
    """Load a stand-in of its own.

    Raises:
        RuntimeError: something failed, or the counts disagree.
    """
    with TemporaryDirectory(prefix="tokentape-bench-") as folder, upstream(traffic, Path(folder)) as running:
        process = _standin()
        before = _processor_seconds(process)
        carried = wrk(traffic, connections=CONNECTIONS, seconds=seconds)(running)
        used = _processor_seconds(process) - before
        totals = _totals(running.port)
    said = totals["tokens"]["calls"]
    if carried.failed or not carried.calls <= said <= carried.calls + CONNECTIONS + totals["aborted"]:
        raise RuntimeError(
            f"wrk saw {carried.calls} calls and {carried.failed} failures, the stand-in {said}"
        )
    return Figures(
        calls=carried.calls / carried.seconds,
        events=totals["events"] / carried.seconds,
        calls_per_core=said / used,
        events_per_core=totals["events"] / used,
    )


def _standin() -> psutil.Process:
    children = psutil.Process().children()
    return next(child for child in children if "tokentape.recorder.standin" in child.cmdline())


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _totals(port: int) -> dict[str, Any]:
    connection = HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", "/.standin/totals")
    totals: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return totals


class _Client(asyncio.Protocol):
    """One stream; notes how late each delta is, by the time of the first one."""

    def __init__(self, request: bytes, late: list[float], ended: asyncio.Future[None]) -> None:
        self._request = request
        self._late = late
        self._ended = ended
        self._began = 0.0
        self._seen = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is not registered as one
        self._transport.write(self._request)
        self._began = time.perf_counter()

    def data_received(self, data: bytes) -> None:
        passed = time.perf_counter() - self._began
        for _ in range(data.count(_DELTA)):
            self._late.append(passed - self._seen / EVENTS_A_SECOND)
            self._seen += 1
        if data.endswith(_END):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self._ended.done():
            self._ended.set_result(None)


async def _paced(port: int, request: bytes) -> list[float]:
    loop = asyncio.get_running_loop()
    late: list[float] = []
    ends: list[asyncio.Future[None]] = []
    for _ in range(STREAMS):
        ended = loop.create_future()
        ends.append(ended)
        await loop.create_connection(partial(_Client, request, late, ended), HOST, port)
        # Out of step, as real streams are.
        await asyncio.sleep(1 / STREAMS)
    await asyncio.gather(*ends)
    return late


def measure_pace(events: int) -> tuple[list[float], float]:
    """Seconds by which each delta came late, and the stand-in's processor time."""
    traffic = stream(events, per_second=EVENTS_A_SECOND)
    with TemporaryDirectory(prefix="tokentape-bench-") as folder, upstream(traffic, Path(folder)) as running:
        process = _standin()
        before = _processor_seconds(process)
        late = uvloop.run(_paced(running.port, traffic.request(running.port)))
        return late, _processor_seconds(process) - before


def main() -> int:
    """Print the table."""
    if shutil.which("wrk") is None:
        sys.stderr.write("wrk is missing: install the Debian package `wrk`.\n")
        return 2
    sys.stdout.write(f"{'':66}{'calls/s':>10}{'per core':>10}{'events/s':>12}{'per core':>12}\n")
    for name, traffic in rows().items():
        found = measure(traffic, SECONDS)
        sys.stdout.write(
            f"{name:66}{found.calls:>10,.0f}{found.calls_per_core:>10,.0f}"
            f"{found.events:>12,.0f}{found.events_per_core:>12,.0f}\n"
        )
    late, used = measure_pace(300)
    figures = ", ".join(f"p{percent} {1000 * percentile(late, percent):.2f} ms" for percent in (1, 50, 99))
    sys.stdout.write(
        f"{STREAMS} streams of {EVENTS_A_SECOND} events a second: {len(late):,} deltas, {figures} late, "
        f"{1e6 * used / len(late):.0f} µs of processor each\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
