"""Puts one worker's frames together into calls. No sockets: tests call `frame` themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tokentape.proxy.frames import (
    Anchor,
    Ending,
    Flag,
    Hello,
    Kind,
    WorkerState,
    split_head,
    split_opened,
    split_skimmed,
)
from tokentape.proxy.messages.headers import HeadSplitter
from tokentape.proxy.messages.reader import CallReader
from tokentape.proxy.observer.decoding import DecodingError, decoder_for
from tokentape.proxy.observer.heads import RequestHeads, encoding_of
from tokentape.proxy.pricing.batches import ResultLines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.proxy.frames import Frame
    from tokentape.proxy.messages.attempts import AttemptTracker
    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.observer.dispatch import Dispatch
    from tokentape.proxy.pricing.batches import BatchResult

MAX_RESULTS: Final = 100_000
"""Results of one fetch: the largest batch of the API. Later ones are noted as a parse error."""

DECODED_LIMIT: Final = 256 * 1024 * 1024
"""Bytes that one compressed body may decode to before it counts as a bomb."""

DECODER_MEMORY: Final = 512 * 1024 * 1024
"""Bytes that the windows of all open decoders of a link may take: 128 br streams, or 10,000 of gzip."""
_REPLY: Final = (Kind.RESPONSE_HEAD, Kind.RESPONSE_BODY)

_hello = msgspec.json.Decoder(Hello)
_state = msgspec.json.Decoder(WorkerState)


class _Decodes(Protocol):
    """What a body goes through on its way to the reader."""

    def pieces(self, data: bytes) -> Iterable[bytes]: ...


class _Deaf:
    """In place of a decoder that has failed: the rest of the body means nothing."""

    def pieces(self, data: bytes) -> Iterable[bytes]:
        del data
        return ()


class _Open:
    """One exchange under way: who reads it, and how its bodies are decoded."""

    __slots__ = ("broken", "ended", "lines", "memory", "reader", "request", "response", "results")

    def __init__(self, reader: CallReader) -> None:
        self.reader = reader
        self.memory = 0
        """Bytes that its decoders may take."""
        self.request: _Decodes | None = None
        """`None` where the body is not encoded, as for `response`."""
        self.response: _Decodes | None = None
        self.ended = False
        self.broken = False
        """Its reader failed; only its end is awaited."""
        self.lines: ResultLines | None = None
        """Where the reply is the results of a batch."""
        self.results: list[BatchResult] = []


class Assembler:
    """Reads the frames of one link."""

    def __init__(self, dispatch: Dispatch, *, salt: bytes, attempts: AttemptTracker) -> None:
        self._dispatch = dispatch
        self._salt = salt
        self._heads = RequestHeads(salt)
        self._reply_heads = HeadSplitter()
        self._attempts = attempts
        self._open: dict[int, _Open] = {}
        self._anchor = Anchor(wall=0.0, monotonic=0.0)
        self._latest = 0.0
        self._memory = 0
        self.worker: Hello | None = None
        self.link = ""
        """Names this connection of the worker, for the ledger."""
        self.closed = 0
        """Exchanges that have closed and been handed on."""
        self._handed = False

    @property
    def open(self) -> int:
        """Exchanges under way."""
        return len(self._open)

    def frame(self, frame: Frame) -> None:
        """Handle one frame. Never raises: what cannot be understood is counted and left."""
        kind = frame.kind
        if kind == Kind.HELLO:
            self.worker = _hello.decode(frame.payload)
            self.link = self.worker.link
            self._anchor = self.worker.anchor
            return
        worker = self.worker
        if worker is None:
            return
        if kind == Kind.STATE:
            state = _state.decode(frame.payload)
            self._anchor = state.anchor
            self._dispatch.worker_state(worker, state)
            return
        if self._dispatch.wants_frames:
            self._dispatch.frame(worker, frame)
        self._latest = frame.received
        self._handed = False
        try:
            self._exchange_frame(worker, frame)
        except Exception:
            self._dispatch.failed("dialect")
            exchange = self._open.get(frame.exchange)
            if exchange is not None:
                exchange.broken = True
        if kind == Kind.CLOSED or (frame.flags & Flag.LAST and kind in _REPLY):
            self._forget(frame.exchange)
            if not self._handed:
                self.closed += 1
                self._dispatch.nothing(self.link, self.closed)

    def link_lost(self) -> None:
        """The worker is gone: what was under way on it ended with it."""
        for number in list(self._open):
            self._close(number, Ending.PROXY_ERROR, "worker_lost", 0, self._latest)
        if self.worker is not None:
            self._dispatch.worker_gone(self.worker)

    def _exchange_frame(self, worker: Hello, frame: Frame) -> None:
        kind, number = frame.kind, frame.exchange
        if kind == Kind.OPENED:
            self._opened(worker, frame)
            return
        exchange = self._open.get(number)
        if exchange is None:
            return
        if kind == Kind.CLOSED:
            self._close(number, Ending(frame.flags), frame.payload.decode(), frame.status, frame.received)
        elif kind == Kind.DROPPED:
            self._forget(number)
        elif kind == Kind.REQUEST_BODY:
            if frame.flags & Flag.SKIMMED:
                self._request_skimmed(exchange, frame.payload)
            else:
                self._request_body(exchange, frame.payload, ended=bool(frame.flags & Flag.END))
        else:
            self._reply_frame(exchange, frame)
            if frame.flags & Flag.LAST:
                self._close(number, Ending.COMPLETE, "", 0, frame.received)

    def _reply_frame(self, exchange: _Open, frame: Frame) -> None:
        if exchange.broken:
            return
        if frame.kind == Kind.RESPONSE_BODY:
            if frame.payload:
                self._response_body(exchange, frame.payload, frame.received)
        else:
            self._response_head(exchange, frame)

    def _opened(self, worker: Hello, frame: Frame) -> None:
        labels, raw, body = split_opened(frame.payload)
        head = self._heads.read(raw)
        resumed = bool(frame.flags & Flag.RESUMED)
        exchange = _Open(
            CallReader(
                id=f"{worker.worker}-{frame.exchange}",
                engine=worker.engine,
                salt=self._salt,
                method=head.method,
                target=head.target,
                headers=head.said,
                labels=labels.decode("utf-8", "replace"),
                started=frame.received,
                anchor=self._anchor,
                resumed=resumed,
                attempts=self._attempts,
            )
        )
        self._forget(frame.exchange)
        self._open[frame.exchange] = exchange
        if head.encoding:
            exchange.request = self._decoder(exchange, head.encoding)
        if not frame.flags & (Flag.RESUMED | Flag.FRESH_CONNECTION):
            self._dispatch.added_latency("request", frame.written - frame.received)
        if frame.flags & Flag.HURRY:
            exchange.reader.skim()
        self._request_body(exchange, body, ended=bool(frame.flags & Flag.END))

    def _request_body(self, exchange: _Open, data: bytes, *, ended: bool) -> None:
        reader = exchange.reader
        if exchange.request is None:
            if data:
                reader.request_body(data)
        else:
            try:
                for piece in exchange.request.pieces(data):
                    reader.request_body(piece)
            except DecodingError:
                reader.fail("decoding")
                exchange.request = _Deaf()
        if ended and not exchange.ended:
            exchange.ended = True
            self._dispatch.opened(reader.request_end())

    def _request_skimmed(self, exchange: _Open, payload: bytes) -> None:
        if exchange.ended:
            return
        exchange.ended = True
        size, end = split_skimmed(payload)
        # The end of a compressed body says nothing without what came before it.
        self._dispatch.opened(exchange.reader.request_skimmed(size, b"" if exchange.request else end))

    def _response_head(self, exchange: _Open, frame: Frame) -> None:
        raw, body = split_head(frame.payload)
        line, headers = self._reply_heads.split(raw)
        exchange.reader.response_head(int(line.split(b" ", 2)[1]), headers, frame.received)
        if exchange.reader.fetches_results:
            exchange.lines = ResultLines()
        encoding = encoding_of(headers)
        if encoding:
            exchange.response = self._decoder(exchange, encoding)
            if frame.flags & Flag.RESUMED:
                # A compressed stream cannot be entered in its middle.
                exchange.response = _Deaf()
                exchange.reader.fail("resumed_compressed")
        if not frame.flags & Flag.RESUMED:
            self._dispatch.added_latency("response", frame.written - frame.received)
        if body:
            self._response_body(exchange, body, frame.received)

    @staticmethod
    def _response_body(exchange: _Open, data: bytes, at: float) -> None:
        if exchange.response is None:
            _reply_bytes(exchange, data, at)
            return
        try:
            for piece in exchange.response.pieces(data):
                _reply_bytes(exchange, piece, at)
        except DecodingError:
            exchange.reader.fail("decoding")
            exchange.response = _Deaf()

    def _close(self, number: int, ending: Ending, reason: str, status: int, at: float) -> None:
        exchange = self._open[number]
        self._forget(number)
        if exchange.lines is not None:
            _end_results(exchange, exchange.lines, complete=ending is Ending.COMPLETE)
        try:
            call = exchange.reader.close(ending, reason, status, at)
        except Exception:
            self._dispatch.failed("dialect")
            return
        self._handed = True
        if exchange.results:
            self._dispatch.fetched(call, exchange.results, lambda: self._hand_on(call))
        else:
            self._hand_on(call)

    def _hand_on(self, call: Call) -> None:
        self.closed += 1
        self._dispatch.closed(call, (self.link, self.closed))

    def _decoder(self, exchange: _Open, encoding: bytes) -> _Decodes:
        try:
            decoder = decoder_for(encoding, DECODED_LIMIT)
        except DecodingError:
            exchange.reader.fail("decoding")
            return _Deaf()
        if self._memory + decoder.memory > DECODER_MEMORY:
            exchange.reader.fail("decoder_memory")
            return _Deaf()
        exchange.memory += decoder.memory
        self._memory += decoder.memory
        return decoder

    def _forget(self, number: int) -> None:
        exchange = self._open.pop(number, None)
        if exchange is not None:
            self._memory -= exchange.memory


def _reply_bytes(exchange: _Open, data: bytes, at: float) -> None:
    exchange.reader.response_body(data, at)
    if exchange.lines is not None:
        _add_results(exchange, exchange.lines.feed(data))


def _add_results(exchange: _Open, results: list[BatchResult]) -> None:
    room = MAX_RESULTS - len(exchange.results)
    exchange.results += results[:room]
    if len(results) > room:
        exchange.reader.note("batch_results_limit")


def _end_results(exchange: _Open, lines: ResultLines, *, complete: bool) -> None:
    _add_results(exchange, lines.finish(complete=complete))
    if lines.broken:
        exchange.reader.note("batch_results_json")
    if lines.too_long:
        exchange.reader.note("batch_result_too_long")
