"""The process around a relay: its loop, its link to the observer, its once-a-second state, its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from tokentape.proxy.frame_link import BUFFER_LIMIT, RECORDING_LIMIT, FrameLink
from tokentape.proxy.frames import Anchor, Hello, WorkerState
from tokentape.proxy.http1.server import Limits
from tokentape.proxy.relay.relay import Relay
from tokentape.proxy.relay.upstream_url import parse_upstream

_TICK_SECONDS: Final = 0.1
_TICKS_PER_STATE: Final = 10
_DESCRIPTORS: Final = 65536
_SETTLE_SECONDS: Final = 5.0
"""How long a worker waits at its end for the observer to acknowledge the last calls."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells a worker. Holds no secrets: it stands on a command line."""

    slot: int
    listener: int
    """File descriptor of the listening socket, shared by all workers."""
    lifeline: int
    """File descriptor of a pipe that ends when the supervisor does."""
    observer: str
    """Path of the observer's Unix socket."""
    upstream: str
    drain: float = 30.0
    limits: Limits = Limits()
    idle_seconds: float = 660.0
    connect_seconds: float = 10.0
    whole_bodies: bool = False
    """Somebody records: the observer gets request bodies whole, or no frame of the exchange."""


def anchor() -> Anchor:
    """This instant on both clocks."""
    return Anchor(wall=time.time(), monotonic=time.monotonic())  # noqa: TID251 - the one place


def resident_bytes() -> int:
    """Memory of this process; on other systems than Linux its highest so far."""
    with contextlib.suppress(OSError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def allow_descriptors() -> None:
    """Let this process open as many descriptors as it may: each exchange takes two.

    The usual soft limit of 1024 is for programs that call select(2), which this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Worker:
    """One relay worker process."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        upstream = parse_upstream(config.upstream, dict(os.environ))
        self._relay = Relay(
            upstream,
            limits=config.limits,
            idle_seconds=config.idle_seconds,
            connect_seconds=config.connect_seconds,
            whole_bodies=config.whole_bodies,
        )
        self._name = f"relay-{config.slot}-{os.getpid()}"
        limit = RECORDING_LIMIT if config.whole_bodies else BUFFER_LIMIT
        self._link = FrameLink(config.observer, hello=self._hello, live=self._relay.live, limit=limit)
        self._stop = asyncio.Event()
        self._lag = 0.0

    async def run(self) -> None:
        """Serve until the supervisor ends, or SIGTERM or SIGINT; then drain."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_reader(self._config.lifeline, self._stop.set)
        listener = socket.socket(fileno=self._config.listener)
        listener.setblocking(False)
        self._link.start()
        ticker = loop.create_task(self._tick())
        await self._relay.start(listener, self._link)
        await self._stop.wait()
        loop.remove_reader(self._config.lifeline)
        await self._relay.drain(self._config.drain)
        ticker.cancel()
        self._link.send_state(self._state())
        await self._link.stop(_SETTLE_SECONDS)

    def _hello(self) -> Hello:
        return Hello(
            worker=self._name,
            engine="relay",
            pid=os.getpid(),
            upstream=self._relay.upstream.url,
            anchor=anchor(),
        )

    async def _tick(self) -> None:
        ticks = 0
        while True:
            asked = time.monotonic()
            await asyncio.sleep(_TICK_SECONDS)
            self._lag = max(self._lag, time.monotonic() - asked - _TICK_SECONDS)
            ticks += 1
            if ticks >= _TICKS_PER_STATE or self._link.changed:
                ticks = 0
                self._link.send_state(self._state())
                self._lag = 0.0

    def _state(self) -> WorkerState:
        relay, link = self._relay, self._link
        oldest = next(iter(relay.live.values()), None)
        return WorkerState(
            anchor=anchor(),
            inflight=len(relay.live),
            oldest_inflight=time.monotonic() - oldest.opened if oldest else 0.0,
            loop_lag=self._lag,
            resident_bytes=resident_bytes(),
            cpu_seconds=time.process_time(),
            buffered_bytes=link.buffered,
            carried=relay.carried,
            unmetered=dict(link.unmetered),
            refused=dict(relay.refusals),
        )


def run_worker(config: WorkerConfig) -> None:
    """Run a worker in this process until it is told to stop."""
    import uvloop  # noqa: PLC0415 - not on Windows, where only replay runs

    allow_descriptors()
    # What was imported never becomes garbage: keep the collector away from it.
    gc.freeze()
    uvloop.run(Worker(config).run())
