"""Frames: what a data plane tells the observer, and their wire format.

A frame is a fixed header and a payload. Header, little-endian, 32 bytes:

====== ==== ===========================================================================
offset type field
====== ==== ===========================================================================
0      u32  payload length in bytes
4      u8   kind (`Kind`)
5      u8   flags (`Flag`, or an `Ending` in a CLOSED frame)
6      u16  status: in CLOSED, the status of an answer that the proxy itself gave, else 0
8      u64  exchange number, unique within the worker; 0 in frames about the worker
16     f64  received: monotonic seconds at which the bytes came in
24     f64  written: monotonic seconds at which the bytes were passed on
====== ==== ===========================================================================

Monotonic times of different workers are not comparable: each worker sends an `Anchor`.

**The unit of loss is the call.** A worker sends all frames of an exchange in order, or stops
sending that exchange, counts it as unmetered, and says so with a DROPPED frame.

Payloads:

- HELLO, STATE: JSON of `Hello`, `WorkerState`.
- OPENED: u16 length of the label text, the label text (`project=checkout,team=search`, path
  segment and header joined by a comma), the request head as it went upstream, and the body bytes
  that were written with it.
- RESPONSE_HEAD: the head as it came from upstream, and the body bytes that came with it.
  Informational (1xx) heads are not sent.
- REQUEST_BODY, RESPONSE_BODY: more body bytes. All body bytes are without chunked framing, and
  still content-encoded. A frame with `Flag.END` is the last about the request; an empty
  REQUEST_BODY can carry it. With `Flag.SKIMMED` its payload is a u64, the bytes of the whole body,
  and the last bytes of the body: of what came between those and the bytes before, nothing was sent.
- CLOSED: the reason, UTF-8: the code of the error where the proxy gave up, such as
  `upstream_unreachable`; else a sentence, or nothing where the ending says it all. A RESPONSE_HEAD
  or RESPONSE_BODY with `Flag.LAST` closes a complete exchange without one.
- DROPPED: empty.

So a small exchange takes two frames: one OPENED, one RESPONSE_HEAD.

The other way, the observer acknowledges with one u64: how many exchanges of this connection have
closed and been handled: those of them that are calls are in the ledger, where there is one, or counted
there as lost. What was sent and never acknowledged is unmetered when the connection breaks.

An observer that keeps a ledger may have settled more than it could acknowledge before it died. Its first
acknowledgement is `KEEPS`. A worker that saw it does not count what the connection's end leaves open: it
names the connection in its next HELLO, and is answered, for each in order, with how many exchanges of it
were settled, `RECALLED` set in the number.
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = struct.Struct("<IBBHQdd")
_U64 = struct.Struct("<Q")
ACK = _U64
KEEPS: Final = 2**64 - 1
RECALLED: Final = 2**63
_LABEL_LENGTH = struct.Struct("<H")

MAX_PAYLOAD = 16 * 1024 * 1024
"""Bytes. No data plane sends more in one frame; a larger length means a broken link."""


class Kind(enum.IntEnum):
    """What a frame is about."""

    HELLO = 1
    STATE = 2
    OPENED = 3
    REQUEST_BODY = 4
    RESPONSE_HEAD = 5
    RESPONSE_BODY = 6
    CLOSED = 7
    DROPPED = 8


class Flag:
    """Flags of frames about an open exchange; bare integers, since an enum's `&` costs microseconds."""

    RESUMED: Final = 1
    """OPENED or RESPONSE_HEAD: announced again to a new observer; bytes in between were not seen."""
    FRESH_CONNECTION: Final = 2
    """OPENED: written after a new upstream connection was made, so the delay is not the proxy's."""
    END: Final = 4
    """OPENED or REQUEST_BODY: the request is complete."""
    LAST: Final = 8
    """RESPONSE_HEAD or RESPONSE_BODY: the reply is complete, and with it the exchange."""
    SKIMMED: Final = 16
    """REQUEST_BODY, with END: the observer is behind, so the middle of this large body was left out."""
    HURRY: Final = 32
    """OPENED, with END: the observer is behind, so it had better skim this body, though it has it whole."""


class Ending(enum.IntEnum):
    """How an exchange ended, as far as bytes can tell."""

    COMPLETE = 0
    CLIENT_ABORT = 1
    UPSTREAM_ABORT = 2
    TIMEOUT = 3
    PROXY_ERROR = 4


class Anchor(msgspec.Struct, frozen=True):
    """One instant on both clocks of a worker: seconds since the epoch, and monotonic seconds."""

    wall: float
    monotonic: float

    def wall_time(self, monotonic: float) -> float:
        """Turn a worker's monotonic time into seconds since the epoch."""
        return self.wall + (monotonic - self.monotonic)


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame on every connection."""

    worker: str
    """Unique for the life of the worker process, such as `relay-0-4711`."""
    engine: str
    """`relay` or `intercept`."""
    pid: int
    upstream: str
    """The logical upstream, such as `https://api.anthropic.com`."""
    anchor: Anchor
    link: str = ""
    """Unique for this connection."""
    before: tuple[str, ...] = ()
    """Earlier connections whose last exchanges are in doubt: what was settled of them is wanted."""


class WorkerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of itself once a second, and at once when its unmetered count changes."""

    anchor: Anchor
    inflight: int
    oldest_inflight: float
    """Seconds since the oldest unfinished exchange opened; 0 when there is none."""
    loop_lag: float
    """Seconds by which the worker's event loop woke later than asked, at its worst since the last state."""
    resident_bytes: int
    cpu_seconds: float
    """CPU time of the worker process so far."""
    buffered_bytes: int
    """Frames that wait for the observer."""
    carried: int
    """Exchanges carried since the worker started, unmetered ones included."""
    unmetered: dict[str, int]
    """By reason, since the worker started."""
    refused: dict[str, int] = {}
    """Requests that the proxy refused before they became an exchange, by error code, since the start."""


class Frame(NamedTuple):
    """One decoded frame. `kind` and `flags` stay plain integers: this is made for every chunk."""

    kind: int
    flags: int
    status: int
    exchange: int
    received: float
    written: float
    payload: bytes


class BrokenLinkError(Exception):
    """The bytes on a link are no frames; the link must be closed."""


def encode(frame: Frame) -> bytes:
    """The bytes of one frame. Data planes pack `HEADER` themselves where it is hot."""
    kind, flags, status, exchange, received, written, payload = frame
    return HEADER.pack(len(payload), kind, flags, status, exchange, received, written) + payload


def opened_payload(labels: bytes, head: bytes, body: bytes = b"") -> bytes:
    """The payload of an OPENED frame."""
    return b"".join((_LABEL_LENGTH.pack(len(labels)), labels, head, body))


def split_opened(payload: bytes) -> tuple[bytes, bytes, bytes]:
    """Labels, request head and first body bytes of an OPENED payload."""
    (length,) = _LABEL_LENGTH.unpack_from(payload)
    head, body = split_head(payload, 2 + length)
    return payload[2 : 2 + length], head, body


def skimmed_payload(size: int, tail: bytes) -> bytes:
    """The payload of a REQUEST_BODY frame with `Flag.SKIMMED`."""
    return _U64.pack(size) + tail


def split_skimmed(payload: bytes) -> tuple[int, bytes]:
    """Size of the whole body, and its last bytes."""
    (size,) = _U64.unpack_from(payload)
    return size, payload[_U64.size :]


def split_head(payload: bytes, start: int = 0) -> tuple[bytes, bytes]:
    """A head, its empty line included, and the body bytes behind it."""
    end = payload.find(b"\r\n\r\n", start) + 4
    return payload[start:end], payload[end:]


class FrameReader:
    """Cuts a byte stream into frames, whatever its segmentation.

    It owns the memory that bytes are received into: `space` gives room, `received` says how much of it
    was filled. So a large frame is copied once, into its payload. `feed` does both for whoever has bytes.
    """

    __slots__ = ("_buffer", "_end", "_view")

    def __init__(self, size: int = 1024 * 1024) -> None:
        """`size` in bytes; a frame that needs more room gets it."""
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._end = 0

    def space(self) -> memoryview:
        """Room for the next bytes, never empty."""
        if self._end == len(self._buffer):
            self._view.release()
            self._buffer.extend(bytes(len(self._buffer)))
            self._view = memoryview(self._buffer)
        return self._view[self._end :]

    def received(self, count: int) -> Iterator[Frame]:
        """Yield each frame that is complete now; exhaust the iterator before the next call.

        Raises:
            BrokenLinkError: the bytes are no frames.
        """
        buffer, view = self._buffer, self._view
        offset, end = 0, self._end + count
        unpack = HEADER.unpack_from
        while end - offset >= 32:
            length, kind, flags, status, exchange, received, written = unpack(buffer, offset)
            if length > MAX_PAYLOAD:
                raise BrokenLinkError(f"a frame claims {length} bytes")
            start = offset + 32
            after = start + length
            if after > end:
                break
            yield Frame(kind, flags, status, exchange, received, written, bytes(view[start:after]))
            offset = after
        if offset and end > offset:
            view[: end - offset] = view[offset:end]
        self._end = end - offset

    def feed(self, data: bytes) -> Iterator[Frame]:
        """`received`, for bytes that came some other way.

        Raises:
            BrokenLinkError: the bytes are no frames.
        """
        position = 0
        while position < len(data):
            room = self.space()
            piece = data[position : position + len(room)]
            room[: len(piece)] = piece
            room.release()
            position += len(piece)
            yield from self.received(len(piece))
