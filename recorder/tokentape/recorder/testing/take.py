"""A live exchange while it is recorded: its parts are noted as they pass, and never held up."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from tokentape.proxy.observer.decoding import DecodingError, decoder_for
from tokentape.recorder.cassette.interaction import (
    Arrival,
    Ending,
    Headers,
    Interaction,
    Request,
    Response,
    Timing,
    first_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of a decoded body."""
_FRAMING: Final = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


class Take:
    """One exchange. Call `head` once, `data` for each piece, and `end` once, from one thread at a time."""

    def __init__(self, request: Request, done: Callable[[Take], None]) -> None:
        """`done` is called with this take when it ended."""
        self.request = request
        self.interaction: Interaction | None = None
        """The exchange, unscrubbed; `None` until it ended, and where no reply came."""
        self.trouble = ""
        """Why it could not be recorded."""
        self._done = done
        self._wall = datetime.now(UTC).timestamp()
        self._began = monotonic()
        self._status = 0
        self._reason = ""
        self._headers: Headers = ()
        self._headers_at = 0.0
        self._pieces: list[tuple[float, bytes]] = []
        self._ended = False

    def head(self, status: int, reason: str, headers: Headers) -> None:
        """The head of the reply has come; headers as on the wire."""
        self._status, self._reason, self._headers = status, reason, headers
        self._headers_at = monotonic() - self._began

    def data(self, piece: bytes) -> None:
        """A piece of the body has come, still encoded."""
        self._pieces.append((monotonic() - self._began, piece))

    def end(self, ending: Ending = Ending.COMPLETE) -> None:
        """It is over; what comes after that is not noted."""
        if self._ended:
            return
        self._ended = True
        if self._status:
            try:
                decoded = self._decoded()
            except DecodingError as error:
                self.trouble = f"the body of a reply could not be decoded ({error}), so it is not recorded"
            else:
                self.interaction = self._interaction(ending, monotonic() - self._began, decoded)
        self._done(self)

    def _interaction(
        self, ending: Ending, ended: float, decoded: tuple[bytes, tuple[Arrival, ...]]
    ) -> Interaction:
        body, arrivals = decoded
        kept = tuple(pair for pair in self._headers if pair[0].lower() not in _FRAMING)
        response = Response(
            status=self._status,
            reason=self._reason,
            headers=kept,
            body=body,
            ending=ending,
            timing=Timing(headers=self._headers_at, arrivals=arrivals, ended=ended),
        )
        return Interaction(request=self.request, response=response, recorded_at=self._wall)

    def _decoded(self) -> tuple[bytes, tuple[Arrival, ...]]:
        encoding = first_value(self._headers, "content-encoding") or ""
        body: list[bytes] = []
        arrivals: list[Arrival] = []
        decoder = decoder_for(encoding.encode("latin-1", "replace"), _LIMIT)
        for at, raw in self._pieces:
            if plain := decoder.feed(raw):
                body.append(plain)
                arrivals.append(Arrival(at, len(plain)))
        return b"".join(body), tuple(arrivals)
