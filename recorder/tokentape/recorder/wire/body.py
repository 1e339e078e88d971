"""The parts of a stream, and how they become pieces: content coding and chunked framing (RFC 9112)."""

from __future__ import annotations

from typing import Final

import msgspec

from tokentape.recorder.wire import coding
from tokentape.recorder.wire.answer import Ending

PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
_END: Final = b"0\r\n\r\n"
"""The last chunk (RFC 9112, section 7.1)."""


class Body(msgspec.Struct, kw_only=True):
    """The parts of a stream on its way to the wire: each event, and when it is due."""

    data: list[bytes]
    due: list[float]
    ending: Ending = Ending.KEEP
    part: bytes = b""
    """The beginning of an event that is cut inside."""
    error: str = ""


def frame(body: Body, name: str, *, chunked: bool) -> list[bytes]:
    """The pieces of a stream under a content coding, framed one by one; its end goes with the last."""
    data, last, part = body.data, b"", body.part
    if name:
        encoder = coding.encoder(name)
        data = [encoder.event(event) for event in data]
        part = encoder.event(part) if part else b""
        last = encoder.end()
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in data] if chunked else list(data)
    if body.ending != Ending.KEEP:
        if part:
            # The chunk says more than comes.
            _append(pieces, b"%x\r\n%b" % (2 * len(part), part) if chunked else part)
        return pieces
    tail = (b"%x\r\n%b\r\n" % (len(last), last) if last else b"") + _END if chunked else last
    if tail:
        _append(pieces, tail)
    return pieces


def _append(pieces: list[bytes], more: bytes) -> None:
    if pieces:
        pieces[-1] += more
    else:
        pieces.append(more)
