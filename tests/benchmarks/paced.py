"""A load generator that keeps a pace: so many calls a second, whether the answers come or not.

wrk has no rate limit. This one writes prebuilt bytes to keep-alive connections, one request at a time
on each. Every request has a due time, and latency counts from there: a stall shows in all the calls
that it delayed, not only in those that were under way. Where no connection is idle when a request is
due, the request starts late and is counted as behind schedule.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks.children import HOST
from tests.benchmarks.load import Carried
from tests.benchmarks.percentile import percentile

if TYPE_CHECKING:
    from tests.benchmarks.load import Load, Running
    from tests.benchmarks.traffic import Traffic

BEHIND_SECONDS: Final = 0.01
"""A request that starts later than this after its due time is behind schedule."""
_PATIENCE_SECONDS: Final = 30.0
"""How long after the last due time answers are waited for."""
_READ_BYTES: Final = 65536
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class _Connection:
    """A keep-alive connection with at most one request under way."""

    __slots__ = ("_missing", "_received", "due", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self._received = b""
        self._missing = -1

    def start(self, request: bytes, due: float) -> None:
        """Write a request. The socket's buffer is empty, so it takes it whole."""
        self.due = due
        if self.socket.send(request) != len(request):
            raise OSError("a request did not fit into an empty socket buffer")

    def read(self) -> int | None:
        """The status of the reply once it is complete.

        Raises:
            OSError: the connection broke.
        """
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError("the connection ended inside a call")
        self._received += data
        if self._missing < 0:
            self._missing = _whole_length(self._received)
        if self._missing < 0 or len(self._received) < self._missing:
            return None
        status = int(self._received[9:12])
        self._received, self._missing = b"", -1
        return status


def _whole_length(received: bytes) -> int:
    """Bytes of the reply, head included, by its content-length; -1 before the head is complete."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return -1
    found = _LENGTH.search(received, 0, end + 2)
    if not found:
        raise ValueError("the reply has no content-length")
    return end + 4 + int(found[1])


class _Pace:
    """One load: what is due, what is under way, what came back."""

    def __init__(self, port: int, request: bytes, rate: float, connections: int) -> None:
        self._request = request
        self._rate = rate
        self._selector = selectors.DefaultSelector()
        self._idle = [_Connection(port) for _ in range(connections)]
        for connection in self._idle:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._started = 0
        self._behind = 0
        self._failed = 0
        self._latencies: list[float] = []

    def run(self, seconds: float) -> Carried:
        """Keep the pace for so long, then wait for the last answers."""
        total = int(self._rate * seconds)
        begin = time.monotonic()
        give_up = begin + seconds + _PATIENCE_SECONDS
        while len(self._latencies) + self._failed < total and time.monotonic() < give_up:
            self._start_due(begin, total)
            if not self._selector.get_map():
                break
            self._read(self._pause(begin, total))
        return self._carried(total, time.monotonic() - begin)

    def close(self) -> None:
        """Close every connection."""
        for key in list(self._selector.get_map().values()):
            self._drop(key.data)
        self._selector.close()

    def _start_due(self, begin: float, total: int) -> None:
        now = time.monotonic()
        wanted = min(total, int((now - begin) * self._rate) + 1)
        while self._started < wanted and self._idle:
            connection, due = self._idle.pop(), begin + self._started / self._rate
            self._started += 1
            self._behind += now - due > BEHIND_SECONDS
            try:
                connection.start(self._request, due)
            except OSError:
                self._failed += 1
                self._drop(connection)

    def _pause(self, begin: float, total: int) -> float:
        """Seconds until the next request is due and could start."""
        if not self._idle or self._started >= total:
            return 0.1
        return max(0.0, begin + self._started / self._rate - time.monotonic())

    def _read(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            connection: _Connection = key.data
            try:
                status = connection.read()
            except OSError:
                self._failed += 1
                self._drop(connection)
                continue
            if status is None:
                continue
            self._idle.append(connection)
            if status == 200:
                self._latencies.append(time.monotonic() - connection.due)
            else:
                self._failed += 1

    def _drop(self, connection: _Connection) -> None:
        self._selector.unregister(connection.socket)
        connection.socket.close()

    def _carried(self, total: int, seconds: float) -> Carried:
        return Carried(
            calls=len(self._latencies),
            seconds=seconds,
            failed=total - len(self._latencies),
            p50=percentile(self._latencies, 50),
            p99=percentile(self._latencies, 99),
            behind=(self._behind + total - self._started) / max(1, total),
        )


def paced(traffic: Traffic, *, rate: float, seconds: float, connections: int = 64) -> Load:
    """A load of `rate` calls a second on at most `connections`."""

    def load(running: Running) -> Carried:
        pace = _Pace(running.port, traffic.request(running.port, running.prefix), rate, connections)
        try:
            return pace.run(seconds)
        finally:
            pace.close()

    return load
