"""A relay worker in a process of its own, whose memory and descriptors can be counted from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
from tests.support.certificates import authority, server_context
from tests.support.raw_http import Peer
from tests.support.relay import Observer, ScriptedUpstream, eventually, nothing_left

from tokentape.proxy.relay.worker import WorkerConfig

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

_PROGRAM = """
import sys, msgspec
from tokentape.proxy.relay.worker import WorkerConfig, run_worker
run_worker(msgspec.json.decode(sys.argv[1], type=WorkerConfig))
"""


class WorkerProcess:
    """One worker, its upstream and its observer."""

    def __init__(
        self, upstream: ScriptedUpstream, observer: Observer, drain: float, authorities: str | None
    ) -> None:
        """`authorities` is a file that makes the upstream one of TLS, which this worker then trusts."""
        self.upstream = upstream
        self.observer = observer
        scheme, trust = ("https", {"SSL_CERT_FILE": authorities}) if authorities else ("http", {})
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = listener.getsockname()[1]
        read_end, self._lifeline = os.pipe()
        config = WorkerConfig(
            slot=0,
            listener=listener.fileno(),
            lifeline=read_end,
            observer=observer.path,
            upstream=f"{scheme}://localhost:{upstream.port}",
            drain=drain,
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, msgspec.json.encode(config).decode()],
            pass_fds=(listener.fileno(), read_end),
            env={**_without_proxies(), **trust},
        )
        listener.close()
        os.close(read_end)
        self._seen = psutil.Process(self.process.pid)

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(self._seen.memory_info().rss)

    @property
    def descriptors(self) -> int:
        """How many it has open."""
        return int(self._seen.num_fds())

    def terminate(self) -> None:
        """As a supervisor asks it to end."""
        self.process.send_signal(signal.SIGTERM)

    def abandon(self) -> None:
        """As when the supervisor has died."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    async def ended(self) -> int:
        """Its exit status."""
        await eventually(lambda: self.process.poll() is not None)
        return self.process.returncode

    async def client(self) -> Peer:
        """A new connection to it."""
        return await Peer.connect(self.port)


def _without_proxies() -> dict[str, str]:
    """The environment, less what would send a worker's connections elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


@contextlib.asynccontextmanager
async def worker_process(
    script: Callable[[Peer], Awaitable[None]], *, drain: float = 0.2, tls: bool = False
) -> AsyncGenerator[WorkerProcess]:
    """A worker in front of a script, observed; it is killed where it does not end by itself."""
    async with nothing_left():
        with tempfile.TemporaryDirectory() as folder:
            upstream = ScriptedUpstream(script)
            await upstream.start(server_context("localhost") if tls else None)
            bundle = Path(folder) / "authorities"
            authority().cert_pem.write_to_path(str(bundle))
            observer = Observer(os.path.join(folder, "observer"))  # noqa: PTH118 - asyncio wants text
            await observer.start()
            worker = WorkerProcess(upstream, observer, drain, str(bundle) if tls else None)
            try:
                await eventually(lambda: observer.connections and observer.connections[0].hello)
                yield worker
                worker.abandon()
                assert await worker.ended() == 0
            finally:
                worker.abandon()
                worker.process.kill()
                await asyncio.to_thread(worker.process.wait)
                await upstream.stop()
                await observer.kill()
        assert upstream.failures == []
