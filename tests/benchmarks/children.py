"""Child processes of a benchmark: each has a log, is known to listen before it is used, and always ends."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from pathlib import Path

HOST = "127.0.0.1"
_POLL_SECONDS = 0.02


class StartError(Exception):
    """A process ended, or did not listen, before it could be measured."""


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def child(
    args: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """Run a command until the block ends; standard output and error go to `log`.

    It gets a session of its own: Ctrl-C reaches only the benchmark, which then ends its children in order.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            args,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def await_listening(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float = 30) -> None:
    """Return once `port` takes connections.

    Raises:
        StartError: the process ended first, or `seconds` are over; holds the end of its log.
    """
    _await(lambda: _listens(port), process, log, seconds)


def await_answer(
    process: subprocess.Popen[bytes], port: int, path: str, log: Path, seconds: float = 30
) -> None:
    """Return once `GET path` on `port` is answered with 200.

    Raises:
        StartError: as `await_listening`.
    """
    _await(lambda: _answers(port, path), process, log, seconds)


def _await(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if ready():
            return
        time.sleep(_POLL_SECONDS)
    tail = " | ".join(log.read_text("utf-8", "replace").splitlines()[-3:])
    raise StartError(f"{log.stem} did not start: {tail or 'no output'}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def family(pid: int) -> tuple[int, ...]:
    """A process and all that it started."""
    return (pid, *(process.pid for process in psutil.Process(pid).children(recursive=True)))


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of living processes so far, in user and kernel mode; the kernel counts in 10 ms steps."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)
