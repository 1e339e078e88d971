"""One client's connection to the replay server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.recorder.replay.asking import Asked
from tokentape.recorder.replay.desk import refusal
from tokentape.recorder.wire.connection import AnsweringConnection
from tokentape.recorder.wire.reply import Client, to_answer

if TYPE_CHECKING:
    import asyncio

    from tokentape.proxy.http1.errors import ProtocolError
    from tokentape.proxy.http1.heads import RequestHead
    from tokentape.recorder.replay.server import ReplayServer


class ReplayConnection(AnsweringConnection):
    """Has requests answered from recordings."""

    __slots__ = ("_desk",)

    def __init__(self, server: ReplayServer) -> None:
        super().__init__(server.connections, server.player)
        self._desk = server.desk

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client has connected; a fault may end that at once."""
        super().connection_made(transport)
        if self._desk.refuses():
            self.end_abruptly(reset=True)

    def respond(self, head: RequestHead, body: list[bytes]) -> None:
        """A request has come; see `AnsweringConnection`."""
        asked = Asked(
            method=head.method,
            target=head.target,
            headers=tuple(head.headers),
            body=b"".join(body),
            modern=head.modern,
            keep_alive=head.keep_alive,
        )
        self.play(self._desk.answer(asked))

    def refusal(self, error: ProtocolError) -> bytes:
        """The reply to a client that broke HTTP or a limit; see `ServerConnection`."""
        reply = refusal(error.status, error.code, error.message)
        return b"".join(to_answer(reply, Client(keep_alive=False)).pieces)
