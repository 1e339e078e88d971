"""An exporter that plays all scenarios: its figures are well until they are told to be ill."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from tests.dashboards.alerting.scenarios import SCENARIOS, course

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SCALE: Final = 1 / 240
"""Of time: a minute of a scenario passes in a quarter of a second."""
_MINUTE: Final = 60 * SCALE


class Exporter:
    """The figures, which go on with the clock and are brought up to date when they are asked for."""

    def __init__(self) -> None:
        self.ill = False
        self._lock = threading.Lock()
        start = time.time()  # noqa: TID251 - a time stamp is one of the figures
        self._started = time.monotonic()
        self._minutes = 0
        all_series = {name: series for each in SCENARIOS for name, series in each.series.items()}
        all_series.pop("up")
        self._courses = {
            name: course(series, self._phases(), start, _MINUTE) for name, series in all_series.items()
        }
        self._text = self._next()

    def text(self) -> str:
        """The figures of now, in Prometheus' text format."""
        with self._lock:
            while self._minutes < (time.monotonic() - self._started) / _MINUTE:
                self._minutes += 1
                self._text = self._next()
            return self._text

    def _phases(self) -> Iterator[bool]:
        while True:
            yield self.ill

    def _next(self) -> str:
        return "".join(f"{name} {next(values)!r}\n" for name, values in self._courses.items())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, exporter: Exporter, *, may_fail: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.exporter = exporter
        self.may_fail = may_fail

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prometheus may break off when it ends."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        down = server.may_fail and server.exporter.ill
        body = b"" if server.may_fail else server.exporter.text().encode()
        self.send_response(503 if down else 200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Not worth a line."""


@contextmanager
def serving(exporter: Exporter) -> Generator[tuple[int, int]]:
    """Two ports: that of the figures, and one that answers nothing while they are ill."""
    with _Server(exporter, may_fail=False) as figures, _Server(exporter, may_fail=True) as fragile:
        servers = (figures, fragile)
        threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
        for thread in threads:
            thread.start()
        try:
            yield figures.server_address[1], fragile.server_address[1]
        finally:
            for server in servers:
                server.shutdown()
            for thread in threads:
                thread.join()
