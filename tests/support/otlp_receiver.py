"""Collectors for tests: they keep what they are sent, and answer as they are told.

with otlp_over_http() as receiver:
    ...  # export to receiver.endpoint
    assert receiver.spans(3)
"""

from __future__ import annotations

import gzip
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import grpc
from tests.support import otlp

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATIENCE = 30.0


class Received(NamedTuple):
    """One export request."""

    signal: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    """With its content coding undone."""


class Reply(NamedTuple):
    """What a collector says to the next request."""

    status: int = 200
    """Of HTTP; of gRPC, any but 200 stands for its code."""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Receiver:
    """What came, and what is answered."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.replies: list[Reply] = []
        """For the next requests, in order; afterwards each is taken. What is not taken is not kept."""
        self.requests: list[Received] = []
        """Those that were taken."""
        self.asked = 0
        self.held = threading.Event()
        """While it is clear, nobody is answered."""
        self.held.set()
        self._news = threading.Condition()

    def take(self, received: Received) -> Reply:
        """Called by a server for each request."""
        with self._news:
            self.asked += 1
            reply = self.replies.pop(0) if self.replies else Reply()
            if reply.status == 200:
                self.requests.append(received)
            self._news.notify_all()
        self.held.wait()
        return reply

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds, which only a request can change."""
        with self._news:
            assert self._news.wait_for(condition, PATIENCE), f"it did not happen; {self.asked} requests came"

    def bodies(self, signal: str) -> list[bytes]:
        """All requests of one signal that were taken."""
        return [request.body for request in list(self.requests) if request.signal == signal]

    def spans(self, count: int = 0) -> list[Span]:
        """All spans, once there are so many."""
        self.wait_for(lambda: len(self._spans()) >= count)
        return self._spans()

    def records(self, count: int = 0) -> list[LogRecord]:
        """All log records, once there are so many."""
        self.wait_for(lambda: len(self._records()) >= count)
        return self._records()

    def _spans(self) -> list[Span]:
        return [span for body in self.bodies("traces") for span in otlp.spans(body)]

    def _records(self) -> list[LogRecord]:
        return [record for body in self.bodies("logs") for record in otlp.records(body)]

    def metrics(self) -> dict[str, Metric]:
        """The metrics of the last request."""
        return otlp.metrics(self.bodies("metrics")[-1])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that trusts nobody, or left, is what a test wanted."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers["content-length"]))
        encoding = headers.get("content-encoding", "")
        decode: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}
        body = decode.get(encoding, bytes)(body)
        receiver = cast("_Server", self.server).receiver
        reply = receiver.take(Received(self.path.rpartition("/")[2], headers, body))
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Tests speak for themselves."""


@contextmanager
def otlp_over_http(
    port: int = 0, receiver: Receiver | None = None, tls: ssl.SSLContext | None = None
) -> Generator[Receiver]:
    """A collector on a loopback port. A receiver given goes on collecting, as after a restart."""
    receiver = receiver or Receiver()
    with _Server(("127.0.0.1", port), _Handler) as server:
        server.receiver = receiver
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
        receiver.endpoint = f"{scheme}://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.held.set()
            server.shutdown()
            thread.join()


_SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}
GRPC_CODES = {
    503: grpc.StatusCode.UNAVAILABLE,
    400: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@contextmanager
def otlp_over_grpc(max_bytes: int = 4 * 1024 * 1024) -> Generator[Receiver]:
    """The same over gRPC; a message of more than `max_bytes` is refused, as by any server."""
    receiver = Receiver()
    options = (("grpc.max_receive_message_length", max_bytes),)
    server = grpc.server(ThreadPoolExecutor(4), options=options)
    server.add_generic_rpc_handlers([_service(receiver, signal) for signal in _SERVICES])
    receiver.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield receiver
    finally:
        receiver.held.set()
        server.stop(0).wait(PATIENCE)


def _service(receiver: Receiver, signal: str) -> grpc.GenericRpcHandler:
    def export(request: bytes, context: grpc.ServicerContext) -> bytes:
        headers = {str(pair.key): str(pair.value) for pair in context.invocation_metadata()}
        reply = receiver.take(Received(signal, headers, request))
        if reply.status != 200:
            context.abort(GRPC_CODES[reply.status], "as the test wants it")
        return reply.body

    return grpc.method_handlers_generic_handler(
        _SERVICES[signal], {"Export": grpc.unary_unary_rpc_method_handler(export)}
    )
