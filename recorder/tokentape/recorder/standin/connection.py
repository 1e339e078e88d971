"""One client's connection to the stand-in."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from tokentape.proxy.http1.server import Reading
from tokentape.recorder.standin.api import OWN, answer
from tokentape.recorder.standin.heads import JSON, response_head
from tokentape.recorder.standin.repeats import Repeat, key_of, may_repeat
from tokentape.recorder.standin.state import Call
from tokentape.recorder.wire.connection import AnsweringConnection
from tokentape.recorder.wire.errors import ApiError

if TYPE_CHECKING:
    import asyncio

    from tokentape.proxy.http1.errors import ProtocolError
    from tokentape.proxy.http1.heads import RequestHead
    from tokentape.recorder.standin.answer import Answer
    from tokentape.recorder.standin.server import StandIn
    from tokentape.recorder.standin.totals import Tally
    from tokentape.recorder.wire import answer as wire


class StandInConnection(AnsweringConnection):
    """Has requests answered by the stand-in, and counts what was said."""

    __slots__ = ("_raw", "_standin", "_tally")

    def __init__(self, standin: StandIn) -> None:
        super().__init__(standin.connections, standin.player)
        self._standin = standin
        self._tally: Tally | None = None
        """Of the reply that is played."""
        self._raw = b""
        """The request, as long as it came in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client has connected; a fault may refuse it."""
        super().connection_made(transport)
        if self._standin.state.refuses():
            self.reset()

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

    def respond(self, head: RequestHead, body: list[bytes]) -> None:
        """A request has come; see `AnsweringConnection`."""
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
        self._say(reply)

    def _repeat(self, repeat: Repeat) -> None:
        standin = self._standin
        request_id = standin.repeats.next_id()
        if not repeat.single:
            standin.state.totals.requests += 1
            standin.state.totals.bytes_in += repeat.taken_in
            self.reading = Reading.AHEAD
            self._say(repeat.again(request_id))
            return
        repeat.count += 1
        standin.player.write(self.transport, repeat.data(request_id))
        if self.reading == Reading.AHEAD:
            self.reply_finished(keep_alive=True)

    # Replies.

    def _say(self, reply: Answer) -> None:
        self._tally = reply.tally
        self.play(reply)

    def answered(self, answer: wire.Answer) -> None:
        """Count it; see `AnsweringConnection`."""
        tally = self._tally
        if tally is not None and tally.endpoint != OWN:
            self._standin.state.totals.finish(tally, answer.size)

    def broken_off(self, answer: wire.Answer | None, written: int, *, by_client: bool) -> None:
        """Count it; see `AnsweringConnection`."""
        tally = self._tally if answer is not None else None
        self._standin.state.totals.break_off(tally, written, by_client=by_client)

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
