"""`tokentape record` as a user runs it, and upstreams that say what a test wants, when it wants it."""

from __future__ import annotations

import contextlib
import http.server
import os
import queue
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, cast

import psutil
from tests.support.proxy import PATIENCE, clean_environment, eventually

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path


class Recorded:
    """What a command left."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err

    @property
    def told(self) -> list[str]:
        """What tokentape says of the recording, its report on usage aside."""
        lines = [line.removeprefix("tokentape: ") for line in self.err.splitlines() if "tokentape: " in line]
        return [
            line
            for line in lines
            if not line.startswith(("calls go to", "metrics ")) and "error" not in line.partition(",")[2]
        ]


def environment_in(folder: Path, **changes: str) -> dict[str, str]:
    """An environment whose temporary files and ledger are in a folder that a test can search."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return clean_environment(TMPDIR=str(temporary), XDG_DATA_HOME=str(folder / "data"), **changes)


def record(
    folder: Path, *arguments: str, upstream: str, environment: Mapping[str, str] | None = None
) -> Recorded:
    """`tokentape record --upstream UPSTREAM ARGUMENTS` in a folder, to its end."""
    command = [sys.executable, "-m", "tokentape.cli.main", "record", "--upstream", upstream, *arguments]
    result = subprocess.run(
        command,
        cwd=folder,
        env={**environment_in(folder), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    return Recorded(result.returncode, result.stdout, result.stderr)


class RunningRecord:
    """A recording until Ctrl-C."""

    def __init__(self, process: subprocess.Popen[str], base_url: str) -> None:
        self.process = process
        self.base_url = base_url
        self._seen: set[psutil.Process] = set()
        self.children()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of its proxy."""
        host, _, port = self.base_url.removeprefix("http://").partition("/")[0].rpartition(":")
        return host, int(port)

    def children(self) -> dict[str, psutil.Process]:
        """Its processes that are alive, by kind: recorder, observer, worker."""
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                command = child.cmdline()
                if "tokentape.cli.processes" in command:
                    found[command[command.index("tokentape.cli.processes") + 1]] = child
        self._seen.update(found.values())
        return found

    def clean_up(self) -> None:
        """Leave no process behind, whatever became of their parent."""
        for child in self._seen:
            with contextlib.suppress(psutil.Error):
                child.kill()

    def kill(self, kind: str) -> None:
        """kill -9 one of its processes, and wait for its successor."""
        before = self.children()[kind]
        before.kill()
        eventually(lambda: self.children().get(kind, before) != before, f"the restart of the {kind}")

    def kill_all(self) -> None:
        """kill -9 everything at once."""
        everyone = [psutil.Process(self.process.pid), *self.children().values()]
        for each in everyone:
            each.suspend()
        for each in everyone:
            each.kill()
        psutil.wait_procs(everyone[1:], PATIENCE)
        self.process.communicate(timeout=PATIENCE)

    def stop(self, number: int = signal.SIGTERM) -> Recorded:
        """End it, and read what it says."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return Recorded(self.process.returncode, out, err)


@contextlib.contextmanager
def running_record(folder: Path, *arguments: str, upstream: str) -> Generator[RunningRecord]:
    """`tokentape record` without a command, ready; no process of it is left behind."""
    command = [sys.executable, "-m", "tokentape.cli.main", "record", "--upstream", upstream, *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment_in(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=PATIENCE)[1]
        running = RunningRecord(process, line.strip().removeprefix("export ANTHROPIC_BASE_URL="))
        try:
            yield running
        finally:
            if process.poll() is None:
                running.children()
                process.kill()
            running.clean_up()


Part = bytes | str


class GatedUpstream(http.server.ThreadingHTTPServer):
    """Says one part of a reply after the other, each when the test lets it.

    A part is bytes of the stream, or what to do to the connection: `close` or `reset`.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Gated)
        self.headers = dict(headers)
        self.parts: queue.SimpleQueue[Part] = queue.SimpleQueue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def say(self, *parts: Part) -> None:
        """Let it go on by so many parts; an empty one ends the stream."""
        for part in parts:
            self.parts.put(part)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are what some tests are about."""


class _Gated(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        upstream = cast("GatedUpstream", self.server)
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        for name, value in upstream.headers.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        while isinstance(part := upstream.parts.get(), bytes):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.flush()
            if not part:
                return
        if part == "reset":
            self._reset()
        self.close_connection = True

    def _reset(self) -> None:
        import socket
        import struct

        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Not worth a line."""


@contextlib.contextmanager
def gated_upstream(**headers: str) -> Generator[GatedUpstream]:
    """A `GatedUpstream` of event streams that serves in threads of this process."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with GatedUpstream({"content-type": "text/event-stream", **named}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.say("close", "close", "close")
            server.shutdown()
            thread.join()


def files_holding(folder: Path, secrets: Sequence[bytes]) -> list[str]:
    """Files anywhere under a folder in which one of the secrets stands, or in whose name it does."""
    found: list[str] = []
    for root, _, names in os.walk(folder):
        for name in names:
            place = os.path.join(root, name)  # noqa: PTH118 - os.walk gives texts
            try:
                with open(place, "rb") as file:  # noqa: PTH123 - same
                    data = file.read()
            except OSError:
                continue  # a socket
            found += [place for secret in secrets if secret in data or secret in os.fsencode(place)]
    return found
