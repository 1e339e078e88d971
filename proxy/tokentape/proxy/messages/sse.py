"""Server-sent events: from bytes in any chunking to whole events.

Grammar: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream.
Line ends of every kind become LF first, so that an event is what lies between two empty lines and
whole chunks can be cut by C code. All work is linear in the bytes fed, whatever the chunks.
"""

from __future__ import annotations

from typing import Final

MAX_EVENT: Final = 16 * 1024 * 1024
"""Bytes of one event. A longer one is dropped as it comes in, and the next one is read again."""

_BOM: Final = b"\xef\xbb\xbf"


class EventSplitter:
    """Cuts a byte stream into events: the lines of one event, joined by LF, without the empty line."""

    __slots__ = ("_after_cr", "_begun", "_max_event", "_rest", "_skipping", "dropped")

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._rest = bytearray()
        self._max_event = max_event
        self._begun = False
        self._after_cr = False
        self._skipping = False
        self.dropped = 0
        """Events that were too long."""

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes, in order; an empty one may be among them."""
        if not self._begun or self._after_cr or b"\r" in data:
            data = self._normalise(data)
        if self._rest or self._skipping:
            return self._feed_rest(data)
        events = data.split(b"\n\n")
        if tail := events.pop():
            self._keep(tail)
        return events

    def flush(self) -> bytes:
        """The event in which the stream ended, though no empty line closed it; empty if there is none."""
        rest = b"" if self._skipping else bytes(self._rest)
        self._rest.clear()
        return rest

    def _normalise(self, data: bytes) -> bytes:
        """Take off a byte order mark, and turn CR LF and CR into LF, whatever the chunks."""
        if not self._begun:
            data = bytes(self._rest) + data
            self._rest.clear()
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest += data
                return b""
            self._begun = True
            data = data.removeprefix(_BOM)
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _feed_rest(self, data: bytes) -> list[bytes]:
        rest = self._rest
        searched = max(0, len(rest) - 1)
        rest += data
        end = rest.find(b"\n\n", searched)
        if end < 0:
            self._limit()
            return []
        events = bytes(rest).split(b"\n\n")
        rest.clear()
        tail = events.pop()
        if self._skipping:
            self._skipping = False
            del events[0]
        if tail:
            self._keep(tail)
        return events

    def _keep(self, tail: bytes) -> None:
        self._rest += tail
        self._limit()

    def _limit(self) -> None:
        """Of an event that is too long, keep only the byte that the empty line may begin with."""
        if self._skipping or len(self._rest) > self._max_event:
            self.dropped += not self._skipping
            self._skipping = True
            del self._rest[:-1]


def parse_event(block: bytes) -> tuple[str, bytes]:
    """Name and data of one event; the name is empty where none is given, and so is the data.

    Comments, ids and fields that nobody knows are left out.
    """
    event = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            event = value.removeprefix(b" ")
    return event.decode("latin-1"), b"\n".join(data)
