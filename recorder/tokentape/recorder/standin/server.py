"""The stand-in as a server: on a port of the loopback, in this process or in one of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tokentape.recorder.standin.connection import StandInConnection
from tokentape.recorder.standin.repeats import Repeats
from tokentape.recorder.standin.state import State
from tokentape.recorder.wire.serving import Server, in_thread, runner

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator

    from tokentape.recorder.standin.behaviour import Settings
    from tokentape.recorder.standin.totals import Totals

__all__ = ["StandIn", "runner", "standing_in"]


class StandIn(Server):
    """A stand-in upstream in the running event loop; see `Server`.

    From code without an event loop, `standing_in` runs one in a thread.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """With `port` 0 the system chooses one; `tls` makes it an https server."""
        super().__init__(host=host, port=port, tls=tls)
        self.state = State(settings)
        self.repeats = Repeats()

    @property
    def totals(self) -> Totals:
        """What was said so far."""
        self.settle()
        return self.state.totals

    def settle(self) -> None:
        """Bring the totals up to date."""
        self.repeats.settle(self.state.totals)

    def connection(self) -> StandInConnection:
        """See `Server`."""
        return StandInConnection(self)


@contextlib.contextmanager
def standing_in(settings: Settings | None = None, *, tls: ssl.SSLContext | None = None) -> Generator[StandIn]:
    """A stand-in that serves from a thread of its own until the block ends."""
    standin = StandIn(settings, tls=tls)
    with in_thread(standin, "standin"):
        yield standin
