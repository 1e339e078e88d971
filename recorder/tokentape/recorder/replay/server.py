"""The replay server: on a port of the loopback, in this process."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tokentape.recorder.replay.connection import ReplayConnection
from tokentape.recorder.wire.serving import Server, in_thread

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator

    from tokentape.recorder.replay.desk import Desk


class ReplayServer(Server):
    """Serves what a desk answers; see `Server`. Nothing ever reaches the API: it has no client for it."""

    def __init__(
        self,
        desk: Desk,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        listener: socket.socket | None = None,
    ) -> None:
        super().__init__(host=host, port=port, listener=listener)
        self.desk = desk

    def connection(self) -> ReplayConnection:
        """See `Server`."""
        return ReplayConnection(self)


@contextlib.contextmanager
def replaying(desk: Desk) -> Generator[ReplayServer]:
    """A replay server in a thread of its own until the block ends."""
    server = ReplayServer(desk)
    with in_thread(server, "replay"):
        yield server
