"""One client's connection to the stand-in."""

from __future__ import annotations

import socket
import struct
import sys
from time import monotonic
from typing import TYPE_CHECKING, Final

from tokentape.proxy.http1.server import Limits, Reading, ServerConnection
from tokentape.recorder.standin.api import OWN, answer
from tokentape.recorder.standin.heads import JSON, response_head
from tokentape.recorder.standin.repeats import Repeat, key_of, may_repeat
from tokentape.recorder.standin.state import Call
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.coding import BODY_LIMIT
from tokentape.recorder.wire.errors import ApiError
from tokentape.recorder.wire.player import Playback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.http1.errors import ProtocolError
    from tokentape.proxy.http1.heads import RequestHead
    from tokentape.recorder.standin.answer import Answer
    from tokentape.recorder.standin.server import StandIn
    from tokentape.recorder.standin.totals import Tally

LIMITS: Final = Limits(body_bytes=BODY_LIMIT)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER with no time: closing sends a RST."""


class StandInConnection(ServerConnection):
    """Reads requests, has them answered, and plays the answers."""

    __slots__ = ("_body", "_head", "_playback", "_raw", "_standin", "_tally")

    def __init__(self, standin: StandIn) -> None:
        super().__init__(standin.connections, LIMITS)
        self._standin = standin
        self._head: RequestHead | None = None
        self._body: list[bytes] = []
        self._playback: Playback | None = None
        self._tally: Tally | None = None
        """Of the reply that is played."""
        self._raw = b""
        """The request, as long as it came in one piece."""

    # Requests.

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes from the client. A request that is repeated is answered from memory."""
        if self.reading == Reading.HEAD and not self._ahead and not self._reader.started:
            repeat = self._standin.repeats.find(data)
            if repeat is not None:
                self._since = self.received = monotonic()
                self._repeat(repeat)
                return
            self._raw = data
        else:
            self._raw = b""
        super().data_received(data)

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
        raw, self._raw = self._raw, b""
        standin = self._standin
        if standin.repeats.known and (repeat := standin.repeats.find_by_ends(key_of(head, body))):
            self._repeat(repeat)
            return
        headers = {name.lower(): value for name, value in head.headers}
        call = Call(
            head.method,
            head.target,
            headers,
            b"".join(body),
            request_id=standin.state.ids.next("req"),
            modern=head.modern,
            keep_alive=head.keep_alive,
        )
        if call.path.startswith(OWN):
            standin.settle()
        reply = answer(standin.state, call)
        if call.repeat and may_repeat(reply):
            repeat = Repeat(reply, call.request_id, len(call.body))
            standin.repeats.keep(key_of(head, body), b"" if self._ahead else raw, repeat)
        if head.method == b"HEAD":
            reply.pieces, reply.due = reply.pieces[:1], reply.due[:1]
        self._play(reply)

    def _repeat(self, repeat: Repeat) -> None:
        standin = self._standin
        request_id = standin.repeats.next_id()
        if not repeat.single:
            standin.state.totals.requests += 1
            standin.state.totals.bytes_in += repeat.taken_in
            self.reading = Reading.AHEAD
            self._play(repeat.again(request_id))
            return
        repeat.count += 1
        standin.player.write(self.transport, repeat.data(request_id))
        if self.reading == Reading.AHEAD:
            self.reply_finished(keep_alive=True)

    # Replies.

    def _play(self, reply: Answer) -> None:
        self._tally = reply.tally
        playback = self._playback = Playback(self, reply)
        self._standin.player.play(playback)

    def played(self) -> None:
        """All of the reply has been handed to the transport."""
        playback, self._playback = self._playback, None
        tally = self._tally
        if playback is None or tally is None:
            return
        reply = playback.answer
        totals = self._standin.state.totals
        if reply.ending in {Ending.CUT, Ending.RESET}:
            totals.break_off(tally, playback.written, by_client=False)
            self._break(reset=reply.ending == Ending.RESET)
            return
        if tally.endpoint != OWN:
            totals.finish(tally, reply.size)
        self.reply_finished(keep_alive=reply.ending == Ending.KEEP)

    def _break(self, *, reset: bool) -> None:
        self.flush()
        self.reading = Reading.DISCARD
        if reset:
            raw: socket.socket = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """asyncio: the client does not read."""
        if self._playback is not None:
            self._playback.blocked = True

    def resume_writing(self) -> None:
        """asyncio: the client reads again."""
        if self._playback is not None:
            self._standin.player.resume(self._playback)

    # What `ServerConnection` asks for.

    def client_gone(self, error: ProtocolError | None) -> None:
        """The client left while its request was under way; see `ServerConnection`."""
        playback, self._playback = self._playback, None
        totals = self._standin.state.totals
        if playback is not None:
            playback.stopped = True
            totals.break_off(self._tally, playback.written, by_client=True)
        elif error is None or error.code == "half_closed":
            totals.break_off(None, 0, by_client=True)

    def refusal(self, error: ProtocolError) -> bytes:
        """The reply to a client that broke HTTP or a limit; see `ServerConnection`."""
        standin = self._standin
        if error.code != "half_closed":
            standin.state.totals.refused += 1
        request_id = standin.state.ids.next("req")
        refusal = ApiError(error.status, "" if error.status == 413 else error.message)
        body = refusal.body(request_id)
        head = response_head(
            error.status,
            request_id,
            content_type=JSON,
            length=len(body),
            coding="",
            wall=standin.state.wall().timestamp(),
            keep_alive=False,
        )
        return head + body

    def reply_begun(self) -> bool:
        """A part of the reply has been written; see `ServerConnection`."""
        return self._playback is not None and self._playback.place > 0

    def flush(self) -> None:
        """Hand everything to the transport; see `ServerConnection`."""
        self._standin.player.flush()
