"""From a take to an interaction: pure, and the same however the bytes were cut into frames.

A part of a reply is recorded as the part that it was: what a client got before it left, what upstream
sent before it closed. What the proxy said or did by itself is never recorded as the API's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tokentape.proxy.frames import Ending as WireEnding
from tokentape.proxy.frames import Flag, Kind, split_head, split_opened
from tokentape.proxy.observer.assembly import DECODED_LIMIT
from tokentape.proxy.observer.decoding import DecodingError, decoder_for
from tokentape.recorder.cassette.interaction import (
    Arrival,
    Ending,
    Interaction,
    Request,
    Response,
    Timing,
)

if TYPE_CHECKING:
    from tokentape.proxy.frames import Frame
    from tokentape.recorder.cassette.interaction import Headers
    from tokentape.recorder.recording.takes import Take

PROXY_ERROR: Final = "proxy_error"
NO_REPLY: Final = "no_reply"

_FRAMING: Final = frozenset({"connection", "content-encoding", "content-length", "keep-alive"}) | frozenset(
    {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers about bytes that are no longer there once a body is decoded, and those of one hop."""
_LABELS: Final = re.compile(r"(?:/@[^/]*)+(?=/|$)")
_ORIGIN: Final = re.compile(r"https?://[^/]+")
_ENDINGS: Final = {
    WireEnding.COMPLETE: Ending.COMPLETE,
    WireEnding.CLIENT_ABORT: Ending.CLIENT_ABORT,
    WireEnding.UPSTREAM_ABORT: Ending.UPSTREAM_ABORT,
    WireEnding.TIMEOUT: Ending.TIMEOUT,
}


class NothingToRecordError(Exception):
    """The API said nothing: `reason` is `PROXY_ERROR` or `NO_REPLY`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IncompleteError(Exception):
    """A part of the exchange is missing that was said: `reason` is a key of `REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Body:
    """A body that is decoded as it comes, with the times at which it came."""

    def __init__(self) -> None:
        self.encoding = b""
        self.chunks: list[tuple[float, bytes]] = []

    def add(self, at: float, data: bytes) -> None:
        if data:
            self.chunks.append((at, data))

    def decoded(self) -> list[tuple[float, bytes]]:
        """Times, and the bytes that were known then and not before.

        Raises:
            IncompleteError: the coding cannot be undone.
        """
        try:
            decoder = decoder_for(self.encoding, DECODED_LIMIT)
            pieces = [(at, decoder.feed(data)) for at, data in self.chunks]
        except DecodingError:
            raise IncompleteError("encoding") from None
        return [(at, piece) for at, piece in pieces if piece]


class _Reader:
    """What the frames of one take said."""

    def __init__(self) -> None:
        self.labels = ""
        self.request_line = ""
        self.request_headers: Headers = ()
        self.request = _Body()
        self.request_ended: float | None = None
        self.opened = 0.0
        self.status_line = ""
        self.response_headers: Headers = ()
        self.response = _Body()
        self.head_at = 0.0
        self.ended = 0.0
        self.ending = Ending.COMPLETE

    def read(self, frame: Frame) -> None:
        kind, flags, at = frame.kind, frame.flags, frame.received
        if kind == Kind.RESPONSE_BODY:
            self.response.add(at, frame.payload)
        elif kind == Kind.RESPONSE_HEAD:
            self._response_head(frame)
        elif kind == Kind.OPENED:
            self._opened(frame)
        elif kind == Kind.REQUEST_BODY:
            self.request.add(at, frame.payload)
        else:
            self._closed(frame)
        if kind in {Kind.OPENED, Kind.REQUEST_BODY} and flags & Flag.END:
            self.request_ended = at
        self.ended = at

    def _opened(self, frame: Frame) -> None:
        labels, head, body = split_opened(frame.payload)
        self.labels = labels.decode("utf-8", "replace")
        self.request_line, self.request_headers = _head(head)
        self.request.encoding = _encoding(self.request_headers)
        self.request.add(frame.received, body)
        self.opened = frame.received

    def _response_head(self, frame: Frame) -> None:
        head, body = split_head(frame.payload)
        self.status_line, self.response_headers = _head(head)
        self.response.encoding = _encoding(self.response_headers)
        self.response.add(frame.received, body)
        self.head_at = frame.received

    def _closed(self, frame: Frame) -> None:
        if frame.status:
            raise NothingToRecordError(PROXY_ERROR)
        if not self.status_line:
            raise NothingToRecordError(NO_REPLY)
        if frame.flags not in _ENDINGS:
            raise IncompleteError("broken_off")
        self.ending = _ENDINGS[WireEnding(frame.flags)]


def interaction_of(take: Take) -> tuple[Interaction, str]:
    """A take as an interaction, not scrubbed yet, and its label text.

    Raises:
        NothingToRecordError: upstream said nothing.
        IncompleteError: some of it is missing or cannot be read.
    """
    reader = _Reader()
    for frame in take.frames:
        reader.read(frame)
    if reader.request_ended is None:
        raise IncompleteError("request_unfinished")
    method, _, rest = reader.request_line.partition(" ")
    request = Request(
        method=method,
        uri=uri_of(take.origin.upstream, rest.rpartition(" ")[0]),
        headers=_kept(reader.request_headers),
        body=b"".join(piece for _, piece in reader.request.decoded()),
    )
    interaction = Interaction(
        request=request,
        response=_response(reader, reader.request_ended),
        recorded_at=round(take.origin.anchor.wall_time(reader.opened), 6),
    )
    return interaction, reader.labels


def _response(reader: _Reader, start: float) -> Response:
    pieces = reader.response.decoded()
    _, status, *reason = reader.status_line.split(" ", 2)
    timing = Timing(
        headers=_since(start, reader.head_at),
        arrivals=_arrivals(start, pieces),
        ended=_since(start, reader.ended),
    )
    return Response(
        status=int(status),
        reason=reason[0] if reason else "",
        headers=_kept(reader.response_headers),
        body=b"".join(piece for _, piece in pieces),
        ending=reader.ending,
        timing=timing,
    )


def _arrivals(start: float, pieces: list[tuple[float, bytes]]) -> tuple[Arrival, ...]:
    """Bytes that were received at one instant came together, in however many frames they were told."""
    found: list[Arrival] = []
    for at, piece in pieces:
        moment = _since(start, at)
        if found and found[-1].at == moment:
            found[-1] = Arrival(moment, found[-1].size + len(piece))
        else:
            found.append(Arrival(moment, len(piece)))
    return tuple(found)


def _since(start: float, at: float) -> float:
    """Seconds, to the microsecond. A reply may begin before its request has ended."""
    return round(max(0.0, at - start), 6)


def uri_of(upstream: str, target: str) -> str:
    """The URI that upstream was asked for; labels for servers behind it are no part of it."""
    origin = _ORIGIN.match(upstream)
    path, mark, query = target.partition("?")
    return (origin[0] if origin else upstream) + _LABELS.sub("", path, count=1) + mark + query


def _head(raw: bytes) -> tuple[str, Headers]:
    line, *fields = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (field.partition(":") for field in fields)
    return line, tuple((name, value.strip(" \t")) for name, _, value in pairs)


def _kept(headers: Headers) -> Headers:
    return tuple((name, value) for name, value in headers if name.lower() not in _FRAMING)


def _encoding(headers: Headers) -> bytes:
    named = [value for name, value in headers if name.lower() == "content-encoding"]
    return ",".join(named).encode("latin-1")
