"""Takes, and how they stand in a spool.

A spooled take is a header (length of the origin, length of the frames), the origin, and the frames as
`tokentape.proxy.frames` writes them. So the observer does nothing with frames but pass them on.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.frames import HEADER, Anchor, Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TAKE: Final = struct.Struct("<IQ")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a take comes from: one worker, at one of its anchors."""

    worker: str
    upstream: str
    """As in `Hello`."""
    anchor: Anchor


class Take(msgspec.Struct, frozen=True):
    """The frames of one exchange, from OPENED to its end."""

    origin: Origin
    frames: list[Frame]


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange that could not be recorded, without a word of what was said in it."""

    reason: str
    """One of few, such as `observer_restarted`: `REASONS` says each in a sentence."""
    endpoint: str
    """Method and route, such as `POST /v1/messages`."""
    at: float
    """Seconds since the epoch at which the request began."""
    request_id: str = ""


REASONS: Final = {
    "observer_behind": "the observer did not keep up with the traffic",
    "observer_restarted": "the observer was restarted while it was under way",
    "worker_lost": "its relay worker ended, or lost its link to the observer",
    "skimmed": "a part of its request body was left out",
    "spool_full": "more waits to be written than the disk takes",
    "disk_limit": "--record-max is reached",
    "disk_error": "the disk could not take it",
    "request_unfinished": "its request had not ended when the reply did",
    "broken_off": "the proxy itself broke it off",
    "encoding": "its content coding could not be undone",
    "unreadable": "it could not be read",
    "recorder_failed": "the recorder ended while it worked on it",
}
"""Why exchanges are lost."""


def spooled_origin(origin: Origin) -> bytes:
    """An origin as it stands in front of its takes."""
    return msgspec.msgpack.encode(origin)


def spooled_frames(frames: Iterable[Frame]) -> bytes:
    """Frames as they stand in a spool."""
    parts: list[bytes] = []
    pack, add = HEADER.pack, parts.append
    for kind, flags, status, exchange, received, written, payload in frames:
        add(pack(len(payload), kind, flags, status, exchange, received, written))
        add(payload)
    return b"".join(parts)


def spooled_head(origin: bytes, size: int) -> bytes:
    """What stands before `size` bytes of frames."""
    return _TAKE.pack(len(origin), size) + origin


def read_takes(data: bytes | memoryview) -> Iterator[Take]:
    """The takes of a spool."""
    view = memoryview(data)
    position = 0
    while position < len(view):
        origin_size, size = _TAKE.unpack_from(view, position)
        start = position + _TAKE.size
        origin = msgspec.msgpack.decode(view[start : start + origin_size], type=Origin)
        position = start + origin_size + size
        yield Take(origin, list(_frames(view[start + origin_size : position])))


def _frames(view: memoryview) -> Iterator[Frame]:
    position = 0
    while position < len(view):
        length, kind, flags, status, exchange, received, written = HEADER.unpack_from(view, position)
        start = position + HEADER.size
        position = start + length
        yield Frame(kind, flags, status, exchange, received, written, bytes(view[start:position]))
