"""The process around mitmproxy: its loop, its link to the observer, its once-a-second state, its end."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import socket
import time
from collections import defaultdict
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.frame_link import BUFFER_LIMIT, RECORDING_LIMIT, FrameLink
from tokentape.proxy.frames import Hello, WorkerState
from tokentape.proxy.intercept.addon import Interceptor, Route
from tokentape.proxy.intercept.authority import trusted_file
from tokentape.proxy.intercept.failures import install
from tokentape.proxy.relay.outbox import Outbox
from tokentape.proxy.relay.upstream_url import parse_upstream
from tokentape.proxy.relay.worker import allow_descriptors, anchor, resident_bytes

if TYPE_CHECKING:
    from mitmproxy.connection import Client

_TICK_SECONDS: Final = 0.1
_TICKS_PER_STATE: Final = 10
_SETTLE_SECONDS: Final = 5.0
_UPSTREAM_CONNECTIONS: Final = 100_000
"""mitmproxy opens at most five at a time for each client; more streams than that would queue."""


class InterceptConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells an intercept worker. Holds no secrets: it stands on a command line."""

    listener: int
    """File descriptor of the listening socket."""
    lifeline: int
    """File descriptor of a pipe that ends when the supervisor does."""
    observer: str
    """Path of the observer's Unix socket; there need not be one."""
    authority: str
    """Folder of the certificate authority."""
    hosts: tuple[str, ...] = ("api.anthropic.com",)
    upstream: str = ""
    """URL that their requests are carried to; empty lets them go where the client wants them."""
    labels: str = ""
    """Of every call, before its own."""
    drain: float = 30.0
    idle_seconds: float = 660.0
    whole_bodies: bool = False
    """Somebody records: see `WorkerConfig`."""


class InterceptWorker:
    """One intercept worker process."""

    def __init__(self, config: InterceptConfig) -> None:
        self._config = config
        upstream = parse_upstream(config.upstream) if config.upstream else None
        self._interceptor = Interceptor(
            Route(
                hosts=frozenset(host.lower() for host in config.hosts),
                upstream=upstream,
                labels=config.labels.encode(),
                idle_seconds=config.idle_seconds,
            )
        )
        self._name = f"intercept-0-{os.getpid()}"
        self._upstream = config.upstream or f"https://{config.hosts[0]}"
        limit = RECORDING_LIMIT if config.whole_bodies else BUFFER_LIMIT
        self._link = FrameLink(config.observer, hello=self._hello, live=self._interceptor.live, limit=limit)
        self._stop = asyncio.Event()
        self._master: Any = None
        self._lag = 0.0

    async def run(self) -> None:
        """Serve until the supervisor ends, or SIGTERM or SIGINT; then drain."""
        config, loop = self._config, asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_reader(config.lifeline, self._stop.set)
        self._interceptor.outbox = Outbox(loop, self._link, whole_bodies=config.whole_bodies)
        self._interceptor.link = self._link
        self._link.settle = self._interceptor.outbox.flush
        self._link.start()
        ticker = loop.create_task(self._tick())
        install(self._interceptor.judge)
        server = await self._serve()
        await self._stop.wait()
        loop.remove_reader(config.lifeline)
        server.close()
        await self._drain()
        ticker.cancel()
        self._link.send_state(self._state())
        await self._link.stop(_SETTLE_SECONDS)
        await self._master.done()

    async def _serve(self) -> asyncio.Server:
        """Start mitmproxy with the addons it needs, on the socket that was inherited."""
        self._master, proxyserver = make_master(self._config, self._interceptor)
        startup = self._master.addons.get("errorcheck")
        # What `Master.run` does, less the ports that it would open: the supervisor's outlives this process.
        asyncio.get_running_loop().set_task_factory(_eager)
        await self._master.running()
        await startup.shutdown_if_errored()
        startup.finish()
        instance = _module("proxy.mode_servers").ServerInstance.make("regular", proxyserver)
        listener = socket.socket(fileno=self._config.listener)
        listener.setblocking(False)
        return await asyncio.start_server(instance.handle_stream, sock=listener, backlog=4096)

    async def _drain(self) -> None:
        interceptor = self._interceptor
        interceptor.draining = True
        deadline = time.monotonic() + self._config.drain
        while interceptor.live and time.monotonic() < deadline:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.02)
        interceptor.end_all()

    def _hello(self) -> Hello:
        return Hello(
            worker=self._name, engine="intercept", pid=os.getpid(), upstream=self._upstream, anchor=anchor()
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
        interceptor, link = self._interceptor, self._link
        oldest = next(iter(interceptor.live.values()), None)
        return WorkerState(
            anchor=anchor(),
            inflight=len(interceptor.live),
            oldest_inflight=time.monotonic() - oldest.opened if oldest else 0.0,
            loop_lag=self._lag,
            resident_bytes=resident_bytes(),
            cpu_seconds=time.process_time(),
            buffered_bytes=link.buffered,
            carried=interceptor.carried,
            unmetered=dict(link.unmetered),
        )


def make_master(config: InterceptConfig, interceptor: Interceptor) -> tuple[Any, Any]:
    """Make mitmproxy's master and its proxy server, which listens nowhere yet.

    The master comes with nothing that keeps flows, changes them or talks to anybody.
    """
    master = _module("master").Master(_module("options").Options())
    server = _module("addons.proxyserver").Proxyserver()
    master.addons.add(
        _module("addons.core").Core(),
        server,
        _module("addons.next_layer").NextLayer(),
        _module("addons.tlsconfig").TlsConfig(),
        _module("addons.errorcheck").ErrorCheck(repeat_errors_on_stderr=True),
        _Throughput(server),
        interceptor,
    )
    trusted = trusted_file(os.environ)
    master.options.update(
        server=False,
        listen_host="127.0.0.1",
        confdir=config.authority,
        connection_strategy="lazy",
        # Ours to tell from a client that left, so a little later than what is called silence.
        tcp_timeout=int(config.idle_seconds) + 1,
        allow_hosts=[f"^{re.escape(host)}:" for host in config.hosts],
        ssl_verify_upstream_trusted_ca=str(trusted) if trusted else None,
        # A certificate is for the host that the client asked for.
        upstream_cert=False,
    )
    return master, server


def _module(name: str) -> Any:
    """A part of mitmproxy, most of which has no types."""
    return import_module(f"mitmproxy.{name}")


class _Throughput:
    """Takes off mitmproxy's limit on a client's connections to one upstream, which would make calls wait."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def client_connected(self, client: Client) -> None:
        """mitmproxy: a client has connected."""
        handler = self._server.connections.get(client.id)
        if handler is not None:
            handler.max_conns = defaultdict(lambda: asyncio.Semaphore(_UPSTREAM_CONNECTIONS))


def _eager(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """A task that runs at once as far as it can, which saves mitmproxy a turn of the loop at every hook."""
    # uvloop hands on options that Python 3.12's and 3.13's own factory does not take.
    task_type: Any = asyncio.Task
    name, context = options.get("name"), options.get("context")
    task: asyncio.Task[Any] = task_type(coroutine, loop=loop, name=name, context=context, eager_start=True)
    return task


def run_intercept(config: InterceptConfig) -> None:
    """Run an intercept worker in this process until it is told to stop."""
    import uvloop  # noqa: PLC0415 - not on Windows, where only replay runs

    allow_descriptors()
    gc.freeze()
    uvloop.run(InterceptWorker(config).run())
