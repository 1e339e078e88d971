"""A live call on behalf of a client of `tokentape_server`: asked of upstream, and noted as it passes."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tokentape.recorder.cassette.interaction import Ending
from tokentape.recorder.replay.desk import refusal
from tokentape.recorder.wire.heads import render_head
from tokentape.recorder.wire.reply import Client, to_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.recorder.replay.asking import Asked
    from tokentape.recorder.testing.take import Take

_PIECE: Final = 64 * 1024
_SECONDS: Final = 600.0
"""Of silence from upstream, as the SDK's own timeout."""
_HOP: Final = frozenset(
    {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"}
)
"""Headers of one connection (RFC 9110, section 7.6.1), and of a body's framing."""


class Fetch:
    """One live call."""

    def __init__(self, upstream: str, asked: Asked, take: Take) -> None:
        """`upstream` is a base_url."""
        self._base = urlsplit(upstream)
        self._asked = asked
        self._take = take

    def run(self, send: Callable[[bytes | None], None]) -> None:
        """Make the call; `send` gets the reply's bytes in pieces, then `None`. It ends the connection."""
        connection = self._connection()
        begun = False
        try:
            reply = self._reply(connection)
            send(self._head(reply))
            begun = True
            while piece := reply.read1(_PIECE):
                self._take.data(piece)
                send(b"%x\r\n%b\r\n" % (len(piece), piece))
            send(b"0\r\n\r\n")
            self._take.end()
        except TimeoutError:
            self._fail(Ending.TIMEOUT, send, begun=begun)
        except (OSError, HTTPException):
            self._fail(Ending.UPSTREAM_ABORT, send, begun=begun)
        finally:
            connection.close()
            send(None)

    def _connection(self) -> HTTPConnection:
        secure = self._base.scheme == "https"
        kind = HTTPSConnection if secure else HTTPConnection
        return kind(self._base.hostname or "", self._base.port, timeout=_SECONDS)

    def _reply(self, connection: HTTPConnection) -> HTTPResponse:
        asked = self._asked
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in asked.headers
            if name.decode("latin-1").lower() not in _HOP
        }
        target = self._base.path.rstrip("/") + asked.address.target.decode("latin-1")
        connection.request(asked.method.decode("latin-1"), target, asked.body or None, headers)
        return connection.getresponse()

    def _head(self, reply: HTTPResponse) -> bytes:
        headers = tuple(reply.getheaders())
        self._take.head(reply.status, reply.reason, headers)
        kept = [pair for pair in headers if pair[0].lower() not in _HOP]
        framing = [("transfer-encoding", "chunked"), ("connection", "close")]
        return render_head(reply.status, reply.reason, [*kept, *framing])

    def _fail(self, ending: Ending, send: Callable[[bytes | None], None], *, begun: bool) -> None:
        self._take.end(ending)
        if not begun:
            text = f"The API at {self._base.geturl()} could not be reached to record this call."
            send(b"".join(to_answer(refusal(502, "upstream", text), Client(keep_alive=False)).pieces))
