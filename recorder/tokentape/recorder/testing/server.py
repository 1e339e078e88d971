"""The fixture `tokentape_server`: a test's cassette as a base_url, for subprocesses and other languages.

What is recorded is played by the same deck that answers clients in this process. What goes live is fetched
by a thread a request, and each piece goes on to the client as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.replay.asking import API, Asked
from tokentape.recorder.replay.desk import refusal
from tokentape.recorder.scrubbing.allowed import recordable
from tokentape.recorder.testing.errors import BlockedError
from tokentape.recorder.testing.fetch import Fetch
from tokentape.recorder.testing.take import Take
from tokentape.recorder.wire.connection import AnsweringConnection
from tokentape.recorder.wire.reply import Client, to_answer
from tokentape.recorder.wire.serving import Server, in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tokentape.proxy.http1.errors import ProtocolError
    from tokentape.proxy.http1.heads import RequestHead
    from tokentape.recorder.testing.deck import Deck
    from tokentape.recorder.wire.reply import Reply


@contextlib.contextmanager
def serving(deck: Deck, upstream: str) -> Generator[str]:
    """Serve a deck on a port of the loopback; yields the base_url.

    Args:
        deck: what answers.
        upstream: the base_url of what is asked where requests go live.
    """
    server = DeckServer(deck, upstream)
    with in_thread(server, "tokentape"):
        yield server.url


class DeckServer(Server):
    """Serves what a deck answers; see `Server`."""

    def __init__(self, deck: Deck, upstream: str) -> None:
        super().__init__()
        self.deck = deck
        self.upstream = upstream

    def connection(self) -> DeckConnection:
        """See `Server`."""
        return DeckConnection(self)


class DeckConnection(AnsweringConnection):
    """One client's connection."""

    __slots__ = ("_begun", "_server")

    def __init__(self, server: DeckServer) -> None:
        super().__init__(server.connections, server.player)
        self._server = server
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client has connected; a fault may end that at once."""
        super().connection_made(transport)
        if self._server.deck.refuses():
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
        self._begun = False
        answer = self._answer(asked)
        if not isinstance(answer, Take):
            self.play(to_answer(answer, asked.client))
            return
        fetch = Fetch(self._server.upstream, asked, answer)
        threading.Thread(target=fetch.run, args=(self._sender(),), name="tokentape live", daemon=True).start()

    def _answer(self, asked: Asked) -> Reply | Take:
        request = _request(asked)
        if not recordable(request.method, request.uri):
            return refusal(404, "other", f"{request.method} {request.uri}: no cassette holds this endpoint.")
        try:
            answer = self._server.deck.ask(request)
        except BlockedError as error:
            return refusal(404, "blocked", str(error))
        assert answer is not None, "the API is never this machine"
        return answer

    def _sender(self) -> Callable[[bytes | None], None]:
        """What a thread calls with each piece of a live reply, and with `None` at its end."""
        loop = asyncio.get_running_loop()

        def send(piece: bytes | None) -> None:
            with contextlib.suppress(RuntimeError):  # the test has ended, and the loop with it
                loop.call_soon_threadsafe(self._pass_on, piece)

        return send

    def _pass_on(self, piece: bytes | None) -> None:
        if self.transport.is_closing():
            return
        if piece is None:
            self.reply_finished(keep_alive=False)
        else:
            self._begun = True
            self.transport.write(piece)

    def reply_begun(self) -> bool:
        """See `ServerConnection`."""
        return self._begun or super().reply_begun()

    def refusal(self, error: ProtocolError) -> bytes:
        """The reply to a client that broke HTTP or a limit; see `ServerConnection`."""
        reply = refusal(error.status, error.code, error.message)
        return b"".join(to_answer(reply, Client(keep_alive=False)).pieces)


def _request(asked: Asked) -> Request:
    """A request under the API's own address, as it came."""
    return Request(
        method=asked.method.decode("latin-1"),
        uri=API + asked.address.target.decode("latin-1"),
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in asked.headers),
        body=asked.body,
    )
