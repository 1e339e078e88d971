"""Exchanges for tests of the recording, as frames cut in any way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tokentape.proxy.frames import Anchor, Ending, Flag, Frame, Hello, Kind, opened_payload
from tokentape.recorder.recording.takes import Origin, Take

if TYPE_CHECKING:
    from collections.abc import Sequence

ANCHOR = Anchor(wall=1_000_000.0, monotonic=100.0)
UPSTREAM = "https://api.anthropic.com"
ORIGIN = Origin(worker="relay-0-1", upstream=UPSTREAM, anchor=ANCHOR)
HELLO = Hello(worker="relay-0-1", engine="relay", pid=1, upstream=UPSTREAM, anchor=ANCHOR)

REQUEST = b'{"model":"claude-haiku-4-5","max_tokens":9,"messages":[]}'
EVENTS = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","usage":{}}}\n\n',
    b'event: ping\ndata: {"type":"ping"}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
REPLY_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nrequest-id: req_1\r\n\r\n"
)


def request_head(method: str = "POST", target: str = "/v1/messages", *more: str) -> bytes:
    lines = (f"{method} {target} HTTP/1.1", "Host: api.anthropic.com", "Content-Length: 57", *more)
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(kind: Kind, payload: bytes = b"", *, flags: int = 0, status: int = 0, at: float = 100.0) -> Frame:
    return Frame(int(kind), flags, status, 1, at, at + 0.5, payload)


def opened(
    body: bytes = REQUEST,
    *,
    head: bytes | None = None,
    labels: bytes = b"project=checkout",
    flags: int = Flag.END,
    at: float = 100.0,
) -> Frame:
    return frame(Kind.OPENED, opened_payload(labels, head or request_head(), body), flags=flags, at=at)


def replied(
    body: bytes = b"{}", *, head: bytes = REPLY_HEAD, flags: int = Flag.LAST, at: float = 101.0
) -> Frame:
    return frame(Kind.RESPONSE_HEAD, head + body, flags=flags, at=at)


def streamed(*pieces: tuple[float, bytes], head: bytes = STREAM_HEAD, last: bool = True) -> list[Frame]:
    """A request, the head of its reply half a second later, and these pieces of its body."""
    frames = [opened(), replied(b"", head=head, flags=0, at=100.5)]
    frames += [frame(Kind.RESPONSE_BODY, piece, at=at) for at, piece in pieces]
    if last:
        frames[-1] = frames[-1]._replace(flags=Flag.LAST)
    return frames


def closed(ending: Ending, *, status: int = 0, at: float = 103.0) -> Frame:
    return frame(Kind.CLOSED, flags=int(ending), status=status, at=at)


def numbered(frames: Sequence[Frame], number: int) -> list[Frame]:
    return [one._replace(exchange=number) for one in frames]


def take(frames: Sequence[Frame], upstream: str = UPSTREAM) -> Take:
    return Take(msgspec.structs.replace(ORIGIN, upstream=upstream), list(frames))
