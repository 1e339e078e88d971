"""A relay worker and an observer, each a real process, whose Calls come back to the test."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
from tests.support.call_observer import Told
from tests.support.proxy import PATIENCE, clean_environment

from tokentape.proxy.observer.process import ObserverConfig
from tokentape.proxy.relay.worker import WorkerConfig
from tokentape.proxy.supervisor import Lifeline

if TYPE_CHECKING:
    from collections.abc import Generator

    from tokentape.proxy.messages.call import Call

SALT = b"a salt for tests"
_ROOT = Path(__file__).parents[2]


class Metered:
    """The port of the relay, and what the observer told."""

    def __init__(self, port: int, lines: IO[bytes]) -> None:
        self.port = port
        self.unmetered: dict[str, int] = {}
        """Of the worker's latest state."""
        self._calls: list[Call] = []
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._reader.start()
        self._take()  # a worker's first state: its link stands

    def calls(self, count: int) -> list[Call]:
        """All calls so far, once there are `count`. Raises `queue.Empty` when they do not come."""
        while len(self._calls) < count:
            self._take()
        return list(self._calls)

    def _take(self) -> None:
        told = self._told.get(timeout=PATIENCE)
        if told.call is not None:
            self._calls.append(told.call)
        elif told.state is not None:
            self.unmetered = told.state.unmetered

    def _read(self, lines: IO[bytes]) -> None:
        for line in lines:
            self._told.put(msgspec.json.decode(line, type=Told))


@contextmanager
def metered(upstream: str) -> Generator[Metered]:
    """Both processes before an upstream, on a free port; gone at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "salt").write_bytes(SALT)
        traffic = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        links = stack.enter_context(socket.socket(socket.AF_UNIX))
        links.bind(str(folder / "observer"))
        links.listen()
        lifeline = stack.enter_context(closing(Lifeline())).read_end
        observer = ObserverConfig(listener=links.fileno(), lifeline=lifeline, salt_file=str(folder / "salt"))
        worker = WorkerConfig(
            slot=0,
            listener=traffic.fileno(),
            lifeline=lifeline,
            observer=str(folder / "observer"),
            upstream=upstream,
            drain=1.0,
        )
        told = stack.enter_context(_process(("tests.support.call_observer",), observer))
        stack.enter_context(_process(("tokentape.cli.processes", "worker"), worker))
        assert told.stdout is not None
        yield Metered(traffic.getsockname()[1], told.stdout)


@contextmanager
def _process(
    module: tuple[str, ...], config: ObserverConfig | WorkerConfig
) -> Generator[subprocess.Popen[bytes]]:
    """A process that inherits its sockets; at the end it is asked to stop, and must do so."""
    command = [sys.executable, "-m", *module, msgspec.json.encode(config).decode()]
    fds = (config.listener, config.lifeline)
    with subprocess.Popen(
        command, pass_fds=fds, stdout=subprocess.PIPE, cwd=_ROOT, env=clean_environment()
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
