"""Upstreams for end-to-end tests: the stand-in as a process, and one whose streams wait for the test."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from collections.abc import Generator

MODEL = "claude-sonnet-4-6"
REQUEST = json.dumps(
    {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}
).encode()
STREAM_REQUEST = json.dumps({**json.loads(REQUEST), "stream": True}).encode()
HEADERS = {
    "content-type": "application/json",
    "anthropic-version": "2023-06-01",
    "x-api-key": "sk-ant-test",
}


def _event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


_MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [],
}
OPENING = b"".join(
    (
        _event("message_start", message={**_MESSAGE, "usage": {"input_tokens": 12, "output_tokens": 1}}),
        _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"}),
    )
)
ENDING = b"".join(
    (
        _event("content_block_stop", index=0),
        _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
        _event("message_stop"),
    )
)
UNARY = json.dumps(
    {
        **_MESSAGE,
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 12, "output_tokens": 5},
    }
).encode()
"""12 tokens in and 5 out, like the stream."""


class HeldUpstream(http.server.ThreadingHTTPServer):
    """Answers calls at once, and streams in two parts: OPENING at once, ENDING after `release`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Held)
        self.released = threading.Event()
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Path and headers (names in lower case) of each request, in order."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def release(self) -> None:
        """Let every stream end, those to come at once."""
        self.released.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that break off are what some tests are about."""


class _Held(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def upstream(self) -> HeldUpstream:
        return cast("HeldUpstream", self.server)

    def do_GET(self) -> None:
        self._note()
        self._whole(b'{"data": []}')

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers["content-length"]))
        if json.loads(body).get("stream"):
            self._stream()
        else:
            self._whole(UNARY)

    def _note(self) -> None:
        self.upstream.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))

    def _whole(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self._chunk(OPENING)
        self.upstream.released.wait()
        self._chunk(ENDING)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Not worth a line."""


@contextlib.contextmanager
def held_upstream() -> Generator[HeldUpstream]:
    """A `HeldUpstream` that serves in threads of this process."""
    with HeldUpstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.release()
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def standin_process(*options: str) -> Generator[str]:
    """The stand-in upstream as a process; yields its URL."""
    command = [sys.executable, "-m", "tokentape.recorder.standin", "--lifeline", "0", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().removeprefix("listening on ")
        finally:
            process.kill()


class Client:
    """One connection to a proxy."""

    def __init__(self, address: tuple[str, int], seconds: float = 30.0) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON body."""
        self._connection.request("GET", path, headers=HEADERS)
        reply = self._connection.getresponse()
        return reply.status, json.loads(reply.read())

    def call(self, path: str = "/v1/messages", body: bytes = REQUEST) -> int:
        """One call to its end; the status."""
        self._connection.request("POST", path, body, HEADERS)
        reply = self._connection.getresponse()
        reply.read()
        return reply.status

    def open_stream(self) -> http.client.HTTPResponse:
        """A stream of which OPENING has arrived."""
        self._connection.request("POST", "/v1/messages", STREAM_REQUEST, HEADERS)
        reply = self._connection.getresponse()
        assert reply.read(len(OPENING)) == OPENING
        return reply
