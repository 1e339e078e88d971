"""The admin server: `/metrics`, `/healthz` and `/readyz` on a port of their own.

It runs in threads of the observer and only reads, so a slow scraper delays neither traffic nor the
understanding of it. It speaks for the observer; a worker answers for traffic itself.
"""

from __future__ import annotations

import errno
import json
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import parse_qs, urlsplit

from tokentape.proxy.telemetry.audience import Audience
from tokentape.proxy.telemetry.exposition import OPENMETRICS, PLAIN, View, exposition, wants_openmetrics
from tokentape.proxy.telemetry.sets import tick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import CollectorRegistry

MAX_CONNECTIONS = 32
"""What is beyond is closed at once: each holds a thread."""
IDLE_SECONDS = 330.0
"""A connection is kept for longer than Prometheus keeps it (five minutes), so a scraper stays known."""
STOP_SECONDS = 0.1
"""How often the listening thread looks whether it should stop."""

PATHS = "The admin server knows /metrics (/metrics?settled=1 for a look), /healthz and /readyz.\n"


class AdminPortError(OSError):
    """The admin server cannot listen; the message says what to do."""


class Answer(NamedTuple):
    """What a path answers."""

    status: int
    content_type: str
    body: bytes
    tick: int = 0
    """Of a scrape: what the scraper has seen once this has reached it."""


def _text(status: int, sentence: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", sentence.encode())


def _json(status: int, value: object) -> Answer:
    return Answer(status, "application/json", json.dumps(value).encode() + b"\n")


class AdminServer:
    """Serves a registry and the state of the observer.

    Args:
        registry: what `/metrics` shows.
        host: address to bind; a loopback address unless the user exposed it.
        port: port to bind; 0 takes a free one.
        listener: a socket that listens already, instead of host and port: it outlives this process.
        ready: whether `/readyz` says yes: a worker is connected.
        health: more for the JSON of `/healthz`.
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        registry: CollectorRegistry,
        *,
        host: str = "127.0.0.1",
        port: int = 9464,
        listener: socket.socket | None = None,
        ready: Callable[[], bool] = lambda: True,
        health: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._registry = registry
        self._address = (host, port)
        self._listener = listener
        self._ready = ready
        self._health = health
        self._audience = Audience()
        self._scraping = threading.Lock()
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on; before `start`, the one it was given."""
        return self._server.server_address[1] if self._server else self._address[1]

    def start(self) -> None:
        """Listen, and answer in threads of its own.

        Raises:
            AdminPortError: the address cannot be bound.
        """
        try:
            self._server = _Server(self._address, self, self._listener)
        except OSError as error:
            raise AdminPortError(error.errno, _why_not(error, *self._address)) from error
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(STOP_SECONDS,), name="admin", daemon=True).start()

    def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.close_connections()
            self._server = None

    def answer(self, target: str, accept: str, scraper: Scraper) -> Answer:
        """What a GET of the target gives."""
        url = urlsplit(target)
        if url.path == "/metrics":
            settled = parse_qs(url.query).get("settled", [""])[-1] not in {"", "0"}
            return self._metrics(accept, None if settled else scraper)
        if url.path == "/healthz":
            return _json(200, {"status": "ok", **self._health()})
        if url.path == "/readyz":
            ready = self._ready()
            return _json(200 if ready else 503, {"status": "ready" if ready else "no worker is connected"})
        return _text(404, PATHS)

    def _metrics(self, accept: str, scraper: Scraper | None) -> Answer:
        openmetrics = wants_openmetrics(accept)
        with self._scraping:
            now = tick()
            seen = self._audience.last_seen(*scraper.identities) if scraper else now
            body = exposition(self._registry, View(openmetrics, now, seen))
        return Answer(200, OPENMETRICS if openmetrics else PLAIN, body, now if scraper else 0)

    def delivered(self, answer: Answer, scraper: Scraper) -> None:
        """An answer was written in full."""
        if answer.tick:
            with self._scraping:
                self._audience.saw(answer.tick, *scraper.identities)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken: stop what listens there, or choose another with --admin."
    return f"The admin server cannot listen on {host}:{port} ({error.strerror}): choose another with --admin."


class Scraper(NamedTuple):
    """Who asks."""

    address: tuple[Any, ...]
    """Host and port of the other end, which is the connection."""
    agent: str

    @property
    def identities(self) -> tuple[tuple[object, ...], ...]:
        """The connection itself, and whoever comes from there with the same user agent."""
        return self, (self.address[0], self.agent)


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], admin: AdminServer, listener: socket.socket | None) -> None:
        self.admin = admin
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler, bind_and_activate=listener is None)
        if listener is not None:
            self.socket.close()
            self.socket = listener
            self.server_address = listener.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            self.shutdown_request(request)
            return
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # so that a line that is no HTTP gets a whole answer
    server_version = "tokentape"
    sys_version = ""
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        super().setup()
        self._admin = cast("_Server", self.server).admin

    def do_GET(self) -> None:
        scraper = self._scraper()
        answer = self._answer(scraper)
        self._reply(answer)
        self._admin.delivered(answer, scraper)

    def do_HEAD(self) -> None:
        self._reply(self._answer(self._scraper()), body=False)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses: unknown methods and heads that are no HTTP."""
        self.close_connection = True
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._reply(_text(405, f"The admin server answers GET and HEAD only. {PATHS}"))
        else:
            self._reply(_text(code, f"{message or explain or HTTPStatus(code).phrase}.\n"))

    def _scraper(self) -> Scraper:
        return Scraper(self.client_address, self.headers.get("user-agent", ""))

    def _answer(self, scraper: Scraper) -> Answer:
        # Nobody sends a body with GET; if one comes, the rest of the connection cannot be trusted.
        self.close_connection |= "content-length" in self.headers or "transfer-encoding" in self.headers
        return self._admin.answer(self.path, self.headers.get("accept", ""), scraper)

    def _reply(self, answer: Answer, *, body: bool = True) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Scrapes are not worth a line each."""
