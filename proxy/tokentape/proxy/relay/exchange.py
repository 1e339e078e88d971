"""One exchange on its way through the relay: the two connections, what has passed, and its frames.

An exchange ends once, by `finish`, whichever side ends it. Everything that can go wrong leads there.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from tokentape.proxy.frames import Ending, Flag, Kind, opened_payload, skimmed_payload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.frame_link import FrameLink
    from tokentape.proxy.relay.client import ClientConnection
    from tokentape.proxy.relay.outbox import Outbox
    from tokentape.proxy.relay.upstream import UpstreamConnection

_COPIED_BYTES: Final = 16 * 1024
"""A body from this size on is not copied to stand in one piece with its head."""
SKIMMED_BYTES: Final = 16 * 1024
"""A body from this size on costs the observer more than the rest of a call: skimmed when it is behind."""
SKIM: Final = 2 * 1024
"""Bytes of its start and of its end that are sent then: that is where SDKs write model and stream."""
# Bare integers: packed for every exchange.
_OPENED: Final = int(Kind.OPENED)
_REQUEST_BODY: Final = int(Kind.REQUEST_BODY)


class Exchange:
    """State of one request and its reply."""

    __slots__ = (
        "announced",
        "begun",
        "body_written",
        "client",
        "framed_bytes",
        "fresh",
        "head",
        "held",
        "held_bytes",
        "held_pieces",
        "id",
        "labels",
        "live",
        "metered",
        "method",
        "modern",
        "open_ended",
        "opened",
        "outbox",
        "reply_start",
        "request_ended",
        "response_at",
        "response_head",
        "retried",
        "skimming",
        "start",
        "tail",
        "upstream",
    )

    def __init__(  # noqa: PLR0913 - filled once, on the hot path
        self,
        number: int,
        client: ClientConnection,
        outbox: Outbox,
        live: dict[int, Exchange],
        method: bytes,
        modern: bool,  # noqa: FBT001
        head: bytes,
        labels: bytes,
        opened: float,
    ) -> None:
        self.id = number
        self.client = client
        self.outbox = outbox
        self.live = live
        self.upstream: UpstreamConnection | None = None
        self.method = method
        self.modern = modern
        self.head = head
        self.labels = labels
        self.opened = opened
        self.metered = True
        self.announced = False
        self.fresh = False
        self.retried = False
        self.begun = False
        """A byte of the reply has been passed on."""
        self.open_ended = False
        """The end of the client's connection is the end of the reply."""
        self.request_ended = False
        self.body_written = False
        """A byte of the request body has been handed to the upstream's socket."""
        self.held: list[bytes] = []
        """Body bytes that wait for the connection, or for their turn, as they will be written."""
        self.held_pieces: list[bytes] = []
        self.held_bytes = 0
        self.framed_bytes = 0
        """Body bytes the observer was told of, left out or not."""
        self.skimming: bytes | None = None
        """The last bytes of a body whose middle is being left out."""
        self.start = b""
        self.tail = b""
        """First and last bytes of the body, for an observer that comes later: model and stream flag."""
        self.reply_start = b""
        """First bytes of the reply's body, for the same: `message_start` has model and input usage."""
        self.response_head = b""
        self.response_at = 0.0
        live[number] = self

    # The request.

    def send_request(self, upstream: UpstreamConnection) -> None:
        """Write the head, and the body so far, to a connection that is ready for them."""
        self.upstream = upstream
        upstream.exchange = self
        held = self.held
        if held:
            self.body_written = True
            small = len(held) == 1 and len(held[0]) < _COPIED_BYTES
            data = self.head + held[0] if small else (self.head, *held)
        else:
            data = self.head
        self.outbox.write(upstream.transport, data)
        upstream.seen = self.client.received
        if not self.announced:
            self._announce_open(Flag.FRESH_CONNECTION if self.fresh else 0)
        elif held:
            self.frame_body(self.held_pieces)
        if held:
            self.held = []
            self.held_pieces = []
            self.held_bytes = 0

    def send_held(self, upstream: UpstreamConnection) -> None:
        """Write at once what was held back of the body."""
        held, pieces = self.held, self.held_pieces
        self.held, self.held_pieces, self.held_bytes = [], [], 0
        self.body_written = True
        self.outbox.write(upstream.transport, tuple(held))
        upstream.seen = self.client.received
        self.frame_body(pieces)
        self.outbox.flush()

    def frame_body(self, pieces: Sequence[bytes]) -> None:
        """Tell the observer about body bytes that were passed on, and about the end of the body."""
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self.skimming is not None or (len(body) >= SKIMMED_BYTES and self.outbox.skims()):
            self._skim(body)
            return
        flags = Flag.END if self.request_ended else 0
        if body or flags:
            self.framed_bytes += len(body)
            self.tail = (self.tail + body)[-SKIM:] if len(body) < SKIM else body[-SKIM:]
            self.outbox.frame(self, _REQUEST_BODY, flags, self.client.received, body)

    def _skim(self, body: bytes) -> None:
        """Keep of the rest of a large body its end alone, and how long it was."""
        self.skimming = ((self.skimming or b"") + body[-SKIM:])[-SKIM:]
        self.framed_bytes += len(body)
        if self.request_ended:
            payload = skimmed_payload(self.framed_bytes, self.skimming)
            flags = Flag.END | Flag.SKIMMED
            self.outbox.frame(self, _REQUEST_BODY, flags, self.client.received, payload)

    def hold(self, raw: bytes, pieces: Sequence[bytes]) -> None:
        """Keep body bytes until there is a connection."""
        if raw:
            self.held.append(raw)
            self.held_pieces.extend(pieces)
            self.held_bytes += len(raw)

    # Frames.

    def announce(self, link: FrameLink) -> None:
        """Tell a new observer what it must know of this exchange."""
        if not self.announced:
            return
        at = self.opened
        whole = self.request_ended and self.framed_bytes == len(self.start)
        flags = Flag.RESUMED | (Flag.END if whole else 0)
        opened = opened_payload(self.labels, self.head, self.start)
        link.send(self, Kind.OPENED, flags, at, at, opened, 0, False)
        if not whole:
            self._announce_rest(link)
        if self.response_head:
            at = self.response_at
            # Whole events only, so that what comes next is not read as the end of one of them.
            events = self.reply_start[: self.reply_start.rfind(b"\n\n") + 2] if self.reply_start else b""
            reply = self.response_head + (events if len(events) > 2 else b"")
            link.send(self, Kind.RESPONSE_HEAD, Flag.RESUMED, at, at, reply, 0, False)

    def _announce_rest(self, link: FrameLink) -> None:
        """Of a body that has gone by, the end; of one that is still coming, the end will be told."""
        tail = self.tail if self.skimming is None else self.skimming
        if self.request_ended:
            payload = skimmed_payload(self.framed_bytes, tail)
            at = self.opened
            link.send(self, Kind.REQUEST_BODY, Flag.END | Flag.SKIMMED, at, at, payload, 0, False)
        else:
            self.skimming = tail

    def _announce_open(self, flags: int) -> None:
        self.announced = True
        pieces = self.held_pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if len(body) >= _COPIED_BYTES:
            self._announce_large(flags, body)
            return
        if self.request_ended:
            flags |= Flag.END | Flag.HURRY if self.outbox.behind() else Flag.END
        self.framed_bytes = len(body)
        self.start, self.tail = body[:SKIM], body[-SKIM:]
        payload = opened_payload(self.labels, self.head, body)
        self.outbox.frame(self, _OPENED, flags, self.opened, payload)

    def _announce_large(self, flags: int, body: bytes) -> None:
        """Body and head go in frames of their own; the start of a body that is skimmed goes with the head."""
        self.start = body[:SKIM]
        start = self.start if len(body) >= SKIMMED_BYTES and self.outbox.skims() else b""
        payload = opened_payload(self.labels, self.head, start)
        self.outbox.frame(self, _OPENED, flags, self.opened, payload)
        if start:
            self.framed_bytes = len(start)
            self._skim(body[len(start) :])
        else:
            self.frame_body((body,))

    def finish(self, ending: Ending, status: int = 0, reason: str = "") -> None:
        """Tell the observer how it ended. Later calls do nothing."""
        if self.live.pop(self.id, None) is None:
            return
        now = monotonic()
        if not self.announced:
            self._announce_open(0)
        self.outbox.frame(self, Kind.CLOSED, ending, now, reason.encode(), status, True)
