"""One intercepted exchange: the relay's, fed by what mitmproxy passes on.

The frames, what is kept for an observer that comes later, and what is skimmed are the relay's. Only where
the bytes come from differs: mitmproxy owns both connections.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from tokentape.proxy.frames import Ending, Flag, Kind
from tokentape.proxy.relay.exchange import SKIM, Exchange

if TYPE_CHECKING:
    from tokentape.proxy.relay.client import ClientConnection
    from tokentape.proxy.relay.outbox import Outbox

_RESPONSE_HEAD: Final = int(Kind.RESPONSE_HEAD)
_RESPONSE_BODY: Final = int(Kind.RESPONSE_BODY)


class _Clock:
    """What an exchange asks of its client here: when its last bytes came in."""

    __slots__ = ("received",)

    def __init__(self, received: float) -> None:
        self.received = received


class InterceptedExchange(Exchange):
    """State of one request and its reply."""

    __slots__ = ("clock", "seen")

    def __init__(  # noqa: PLR0913 - what a relay's has, less what mitmproxy does
        self,
        number: int,
        outbox: Outbox,
        live: dict[int, Exchange],
        *,
        method: bytes,
        head: bytes,
        labels: bytes,
    ) -> None:
        """`head` as it goes upstream."""
        opened = monotonic()
        self.clock = _Clock(opened)
        self.seen = opened
        """When a byte of either side passed last: monotonic seconds."""
        client = cast("ClientConnection", self.clock)  # Of a client, frames need the time alone.
        super().__init__(number, client, outbox, live, method, True, head, labels, opened)

    def request_passed(self, data: bytes) -> None:
        """A piece of the request's body goes upstream; an empty one is its end."""
        self.seen = self.clock.received = monotonic()
        if not data:
            self.request_ended = True
        if self.announced:
            self.frame_body((data,))
        else:
            self.held_pieces = [data]
            self._announce_open(Flag.FRESH_CONNECTION if self.fresh else 0)
            self.held_pieces = []

    def reply_begun(self, head: bytes) -> None:
        """The head of the reply goes to the client."""
        if not self.announced:
            self._announce_open(0)
        self.seen = self.response_at = monotonic()
        self.begun = True
        self.response_head = head
        self.outbox.frame(self, _RESPONSE_HEAD, 0, self.seen, head)

    def reply_passed(self, data: bytes) -> None:
        """A piece of the reply's body goes to the client."""
        if not data:
            return
        self.seen = monotonic()
        if not self.reply_start:
            self.reply_start = data[:SKIM]
        self.outbox.frame(self, _RESPONSE_BODY, 0, self.seen, data)

    def reply_whole(self) -> None:
        """The reply is complete."""
        self.finish(Ending.COMPLETE)

    def give_up(self) -> None:
        """Tell no more of it: what was told is not the whole."""
        self.live.pop(self.id, None)
        if self.announced:
            self.outbox.frame(self, Kind.DROPPED, 0, monotonic(), b"")
        self.outbox.flush()
        self.metered = False
