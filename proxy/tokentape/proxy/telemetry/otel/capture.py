"""Collects what is asked and answered, for as long as a call lasts; there only where content was asked for.

An ExchangeSink: it sees the bytes beside the dialect, which keeps no text, and so costs nothing where it is
not. A call is finished after its last frame was seen here, so whoever is told of the call finds its content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from tokentape.proxy.frames import Flag, Kind, split_head, split_opened
from tokentape.proxy.messages.body import Body
from tokentape.proxy.messages.headers import split_head as split_headers
from tokentape.proxy.messages.routes import MESSAGES, find_route
from tokentape.proxy.telemetry.otel.exchanged import Exchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tokentape.proxy.frames import Frame, Hello
    from tokentape.proxy.telemetry.otel.tally import Tally

MAX_HELD: Final = 64 * 1024 * 1024
"""Bytes of all calls together, those under way and those that nobody took yet."""
MAX_REQUEST: Final = 8 * 1024 * 1024
MAX_RESPONSE: Final = 4 * 1024 * 1024
"""Bytes of one body. Of a longer one there is no content."""
ELIDE_FROM: Final = 1024 * 1024
"""Bytes of a request from which on its long strings are marks: so large it is by its media."""
DECODED_LIMIT: Final = 64 * 1024 * 1024
"""Bytes that one compressed body may decode to."""
MAX_WAITING: Final = 4096
"""Finished calls that nobody took."""


class Decoder(Protocol):
    """What undoes a content coding."""

    def pieces(self, data: bytes) -> Iterable[bytes]:
        """Raises an exception where the coding is broken."""
        ...


class _Open:
    """One exchange under way."""

    __slots__ = ("held", "request", "request_decoder", "response", "response_decoder", "stream")

    def __init__(self, decoder: Decoder | None) -> None:
        self.request = Body(MAX_REQUEST, elide_from=ELIDE_FROM)
        self.request_decoder = decoder
        self.response: Body | None = None
        self.response_decoder: Decoder | None = None
        self.stream = False
        self.held = 0


class Capture:
    """Both bodies of every call to `/v1/messages` that a relay or intercept carries.

    Args:
        decoder_for: makes a decoder of a `Content-Encoding`, and of how much may come out of it.
        tally: where content that could not be kept is counted.
        most: bytes that may be held at a time.
    """

    name = "content"

    def __init__(
        self, decoder_for: Callable[[bytes, int], Decoder], tally: Tally, most: int = MAX_HELD
    ) -> None:
        self._decoder_for = decoder_for
        self._tally = tally
        self._most = most
        self._open: dict[str, _Open] = {}
        self._done: dict[str, Exchanged] = {}
        self.held = 0
        """Bytes held now."""

    def take(self, call_id: str) -> Exchanged | None:
        """What was exchanged in a finished call; once."""
        exchanged = self._done.pop(call_id, None)
        if exchanged is not None:
            self.held -= len(exchanged.request) + len(exchanged.response)
        return exchanged

    def frame(self, worker: Hello, frame: Frame) -> None:
        """Any frame about an exchange."""
        call_id, kind = f"{worker.worker}-{frame.exchange}", frame.kind
        if kind == Kind.OPENED:
            self._opened(call_id, frame)
            return
        exchange = self._open.get(call_id)
        if exchange is None:
            return
        try:
            self._more(exchange, frame)
        except Exception:
            # Whatever is wrong with a coding, the call has no content then, and the dialect says why.
            self._give_up(call_id, "failed")
            return
        self._weigh(call_id, exchange)
        if kind == Kind.DROPPED:
            self._forget(call_id)
        elif kind == Kind.CLOSED or (frame.flags & Flag.LAST and kind >= Kind.RESPONSE_HEAD):
            self._finish(call_id)

    def _opened(self, call_id: str, frame: Frame) -> None:
        self._forget(call_id)
        if frame.flags & Flag.RESUMED:
            return
        _, raw, body = split_opened(frame.payload)
        line, headers = split_headers(raw)
        method, _, rest = line.decode("latin-1").partition(" ")
        if method != "POST" or find_route(method, rest.rpartition(" ")[0]).endpoint != MESSAGES:
            return
        exchange = self._open[call_id] = _Open(self._decoder(headers))
        try:
            _add(exchange.request, exchange.request_decoder, body)
        except Exception:
            self._give_up(call_id, "failed")
        else:
            self._weigh(call_id, exchange)

    def _more(self, exchange: _Open, frame: Frame) -> None:
        if frame.kind == Kind.REQUEST_BODY:
            if frame.flags & Flag.SKIMMED:
                raise ValueError("the middle of the body was left out")
            _add(exchange.request, exchange.request_decoder, frame.payload)
        elif frame.kind == Kind.RESPONSE_HEAD:
            raw, body = split_head(frame.payload)
            _, headers = split_headers(raw)
            exchange.response = Body(MAX_RESPONSE)
            exchange.response_decoder = self._decoder(headers)
            exchange.stream = headers.get(b"content-type", b"").startswith(b"text/event-stream")
            _add(exchange.response, exchange.response_decoder, body)
        elif frame.kind == Kind.RESPONSE_BODY and exchange.response is not None:
            _add(exchange.response, exchange.response_decoder, frame.payload)

    def _decoder(self, headers: Mapping[bytes, bytes]) -> Decoder | None:
        encoding = headers.get(b"content-encoding", b"")
        return (
            self._decoder_for(encoding, DECODED_LIMIT) if encoding.lower() not in {b"", b"identity"} else None
        )

    def _weigh(self, call_id: str, exchange: _Open) -> None:
        response = exchange.response
        whole = exchange.request.whole and (response is None or response.whole)
        held = exchange.request.kept + (response.kept if response is not None else 0)
        self.held += held - exchange.held
        exchange.held = held
        if not whole:
            self._give_up(call_id, "too_large")
        elif self.held > self._most:
            self._give_up(call_id, "queue_full")

    def _finish(self, call_id: str) -> None:
        exchange = self._open.pop(call_id, None)
        if exchange is None:
            return
        self.held -= exchange.held
        response = exchange.response.take() if exchange.response is not None else b""
        done = Exchanged(request=exchange.request.take(), response=response, stream=exchange.stream)
        self.held += len(done.request) + len(done.response)
        self._done[call_id] = done
        if len(self._done) > MAX_WAITING:
            self.take(next(iter(self._done)))

    def _give_up(self, call_id: str, reason: str) -> None:
        if call_id in self._open:
            self._forget(call_id)
            self._tally.lose(reason, 1)

    def _forget(self, call_id: str) -> None:
        exchange = self._open.pop(call_id, None)
        if exchange is not None:
            self.held -= exchange.held


def _add(body: Body, decoder: Decoder | None, data: bytes) -> None:
    if decoder is None:
        body.add(data)
        return
    for piece in decoder.pieces(data):
        body.add(piece)
