"""One client's connection to a server that answers by itself: requests are read whole, answers played."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

from tokentape.proxy.http1.server import Limits, Reading, ServerConnection
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.coding import BODY_LIMIT
from tokentape.recorder.wire.player import Playback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.http1.errors import ProtocolError
    from tokentape.proxy.http1.heads import RequestHead
    from tokentape.recorder.wire.answer import Answer
    from tokentape.recorder.wire.player import Player

LIMITS: Final = Limits(body_bytes=BODY_LIMIT)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER with no time: closing sends a RST."""


class AnsweringConnection(ServerConnection):
    """Reads requests, has them answered, and plays the answers."""

    __slots__ = ("_body", "_head", "_playback", "_player")

    def __init__(self, connections: set[ServerConnection], player: Player, limits: Limits = LIMITS) -> None:
        super().__init__(connections, limits)
        self._player = player
        self._head: RequestHead | None = None
        self._body: list[bytes] = []
        self._playback: Playback | None = None

    # What subclasses supply.

    def respond(self, head: RequestHead, body: list[bytes]) -> None:
        """A whole request has come; `play` its answer."""
        raise NotImplementedError

    def answered(self, answer: Answer) -> None:
        """An answer that ends properly has been handed to the transport."""

    def broken_off(self, answer: Answer | None, written: int, *, by_client: bool) -> None:
        """An answer was cut after so many bytes, or its client left; `None`: it was not even begun."""

    # Requests.

    def request_started(self, head: RequestHead, raw: bytes, pieces: Sequence[bytes], *, ended: bool) -> None:
        """A head has come; see `ServerConnection`."""
        self._head = head
        self._body = list(pieces)
        if ended:
            self._respond(head)
        elif not raw and b"\nexpect:" in head.raw.lower():
            self.transport.write(_CONTINUE)

    def request_body(self, raw: bytes, pieces: Sequence[bytes], *, ended: bool) -> None:
        """More of a body has come; see `ServerConnection`."""
        del raw
        self._body += pieces
        if ended and self._head is not None:
            self._respond(self._head)

    def _respond(self, head: RequestHead) -> None:
        body, self._body = self._body, []
        self.respond(head, body)

    # Replies.

    def play(self, answer: Answer) -> None:
        """Answer the request that has come."""
        # From when the request came: working the answer out makes nothing late.
        playback = self._playback = Playback(self, answer, self.received)
        self._player.play(playback)

    def played(self) -> None:
        """All of the answer has been handed to the transport."""
        playback, self._playback = self._playback, None
        if playback is None:
            return
        answer = playback.answer
        if answer.ending in {Ending.CUT, Ending.RESET}:
            self.broken_off(answer, playback.written, by_client=False)
            self.end_abruptly(reset=answer.ending == Ending.RESET)
            return
        self.answered(answer)
        self.reply_finished(keep_alive=answer.ending == Ending.KEEP)

    def end_abruptly(self, *, reset: bool) -> None:
        """Close the connection, wherever it is."""
        self.flush()
        if reset:
            self.reset()
        else:
            self.reading = Reading.DISCARD
            self.transport.close()

    def reset(self) -> None:
        """Close the connection by a RST, whatever is under way."""
        self.reading = Reading.DISCARD
        raw: socket.socket = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def pause_writing(self) -> None:
        """asyncio: the client does not read."""
        if self._playback is not None:
            self._playback.blocked = True

    def resume_writing(self) -> None:
        """asyncio: the client reads again."""
        if self._playback is not None:
            self._player.resume(self._playback)

    # What `ServerConnection` asks for.

    def client_gone(self, error: ProtocolError | None) -> None:
        """The client left while its request was under way; see `ServerConnection`."""
        playback, self._playback = self._playback, None
        if playback is not None:
            playback.stopped = True
            self.broken_off(playback.answer, playback.written, by_client=True)
        elif error is None or error.code == "half_closed":
            self.broken_off(None, 0, by_client=True)

    def reply_begun(self) -> bool:
        """A part of the reply has been written; see `ServerConnection`."""
        return self._playback is not None and self._playback.place > 0

    def flush(self) -> None:
        """Hand everything to the transport; see `ServerConnection`."""
        self._player.flush()
