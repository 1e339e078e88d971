"""The Reply: a response before it is bytes, and how one becomes an Answer.

What changes a response on its way to the wire (a recording's own times, a fault) works on the Reply;
framing is decided last, for the client that asked.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokentape.recorder.wire.answer import GROUP, Answer, Ending, cut_at, grouped
from tokentape.recorder.wire.body import PING, Body, frame
from tokentape.recorder.wire.heads import render_head

_CHUNKED_PING: Final = b"%x\r\n%b\r\n" % (len(PING), PING)
_BODILESS: Final = frozenset({204, 304})


class Reply(msgspec.Struct, kw_only=True):
    """A response. Times are seconds from the end of the request."""

    status: int
    reason: str = ""
    """Empty: the usual one of the status."""
    headers: list[tuple[str, str]]
    """Without those of the framing: they are said when the reply is framed."""
    body: Body
    """The events of a stream, one by one; or a whole body, in one part or in more."""
    streamed: bool = False
    """Framed in chunks, one for each part; else under a content-length."""
    head_due: float = 0.0
    length_off: int = 0
    """Bytes that the content-length says too much; where it is not 0, the reply ends with the connection."""
    end_due: float = 0.0
    """When a connection that is cut is cut, where that is later than the last part."""
    ping_seconds: float = 0.0
    """Between the pings of a stream whose ending is `HANG`; 0: none."""
    most: int | None = None
    """Bytes that are sent of it, head and framing included; `None`: all."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """What the framing of a reply depends on."""

    method: bytes = b"POST"
    modern: bool = True
    """HTTP/1.1: it understands chunks."""
    keep_alive: bool = True


def to_answer(reply: Reply, client: Client) -> Answer:
    """The reply as it goes to this client, uncompressed. Parts with times are writes of their own."""
    chunked = reply.streamed and client.modern
    bodiless = client.method == b"HEAD" or reply.status in _BODILESS
    # Without chunks, only its end tells a client where a stream ends.
    closing = not client.keep_alive or bool(reply.length_off) or (reply.streamed and not chunked)
    head = render_head(reply.status, reply.reason, _headers(reply, chunked=chunked, closing=closing))
    answer = _ended(reply, chunked=chunked, closing=closing)
    if bodiless:
        answer.pieces = [head]
        answer.ending = Ending.CLOSE if closing else Ending.KEEP
    else:
        pieces = frame(reply.body, "", chunked=chunked)
        answer.pieces = [head, *(pieces if reply.streamed or reply.body.due else _large(pieces))]
    if reply.head_due or reply.body.due or reply.end_due:
        answer.due = _due(reply, len(answer.pieces))
        answer.separate = True
    if reply.end_due and answer.ending in {Ending.CUT, Ending.RESET}:
        answer.pieces.append(b"")
        answer.due.append(max(answer.due[-1], reply.end_due))
    if reply.most is not None:
        cut_at(answer, reply.most)
    return answer


def _headers(reply: Reply, *, chunked: bool, closing: bool) -> list[tuple[str, str]]:
    headers = list(reply.headers)
    if chunked:
        headers.append(("transfer-encoding", "chunked"))
    elif not reply.streamed and reply.status not in _BODILESS:
        length = sum(map(len, reply.body.data)) + len(reply.body.part) + reply.length_off
        headers.append(("content-length", str(max(0, length))))
    headers.append(("connection", "close" if closing else "keep-alive"))
    return headers


def _ended(reply: Reply, *, chunked: bool, closing: bool) -> Answer:
    ending = reply.body.ending
    if reply.length_off and ending == Ending.KEEP:
        ending = Ending.CUT
    elif closing and ending == Ending.KEEP:
        ending = Ending.CLOSE
    return Answer(
        pieces=[],
        ending=ending,
        separate=reply.streamed,
        ping=_CHUNKED_PING if chunked and reply.ping_seconds else b"",
        ping_seconds=reply.ping_seconds,
    )


def _due(reply: Reply, count: int) -> list[float]:
    """A time for each piece; what has none of its own comes with the one before it."""
    due = [reply.head_due, *reply.body.due][:count]
    return due + due[-1:] * (count - len(due))


def _large(pieces: list[bytes]) -> list[bytes]:
    return grouped(pieces) if sum(map(len, pieces)) > GROUP else pieces
