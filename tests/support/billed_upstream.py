"""An upstream whose replies cost what the request says: the first message is the usage of the reply, as JSON.

Batches: `GET /v1/messages/batches/{id}/results` answers with `results`, and a POST makes a batch of two.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator


class BilledUpstream(ThreadingHTTPServer):
    """The server, and what a batch's results are."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.results: list[dict[str, Any]] = []
        self.cut = 0
        """Bytes that are left off the end of the results, as if the connection had ended there."""
        self.stop_reason = "end_turn"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def upstream(self) -> BilledUpstream:
        assert isinstance(self.server, BilledUpstream)
        return self.server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/batches"):
            counts = {"processing": len(body["requests"]), "succeeded": 0, "errored": 0}
            self._send({"id": "msgbatch_1", "type": "message_batch", "request_counts": counts})
        else:
            told = message(body["model"], json.loads(body["messages"][0]["content"]))
            self._send(told | {"stop_reason": self.upstream.stop_reason})

    def do_GET(self) -> None:
        lines = "".join(json.dumps(result) + "\n" for result in self.upstream.results).encode()
        self._head(len(lines))
        self.wfile.write(lines[: len(lines) - self.upstream.cut])
        self.close_connection = bool(self.upstream.cut)

    def _send(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self._head(len(data))
        self.wfile.write(data)

    def _head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing to say."""


def message(model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """A message with this usage."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": usage,
    }


def result(custom_id: str, model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """A result of a batch that succeeded."""
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message(model, usage)}}


@contextmanager
def billed_upstream() -> Generator[BilledUpstream]:
    """The server, on a free port; gone at the end."""
    with BilledUpstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
