"""The outbox: what one turn of the loop passes on, in order, whatever became of single connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from tests.support.raw_http import Peer, Wire
from tests.support.relay import eventually, on_loop

from tokentape.proxy.relay.outbox import Outbox

if TYPE_CHECKING:
    from tokentape.proxy.frame_link import FrameLink


class Link:
    """Keeps what is sent, and what had been written by then."""

    def __init__(self, wrote: list[bytes]) -> None:
        self.wrote = wrote
        self.sent: list[tuple[object, ...]] = []

    def send(self, *frame: object) -> None:
        self.sent.append((*frame, list(self.wrote)))


class Transport:
    def __init__(self, wrote: list[bytes]) -> None:
        self.wrote = wrote

    def write(self, data: bytes) -> None:
        self.wrote.append(data)


@on_loop
async def test_a_turn_is_written_in_order_at_its_end_and_then_told_to_the_observer() -> None:
    wrote: list[bytes] = []
    link = Link(wrote)
    outbox = Outbox(asyncio.get_running_loop(), cast("FrameLink", link))
    one, two = (cast("asyncio.WriteTransport", Transport(wrote)) for _ in range(2))
    exchange = cast("object", "an exchange")
    outbox.write(one, b"1")
    outbox.frame(exchange, 5, 8, 0.25, b"payload", 0, True)  # type: ignore[arg-type]  # only passed on
    outbox.write(two, b"2")
    outbox.write(one, b"3")
    assert wrote == []
    await asyncio.sleep(0)
    assert wrote == [b"1", b"2", b"3"]
    [(*frame, written, payload, status, last, before)] = link.sent
    assert (frame, payload, status, last) == (["an exchange", 5, 8, 0.25], b"payload", 0, True)
    assert isinstance(written, float)
    assert before == [b"1", b"2", b"3"]


@on_loop
async def test_a_connection_that_closed_in_this_turn_takes_nothing_from_the_others() -> None:
    """uvloop raises where a transport's handle is gone; the writes and frames behind it still count."""
    served: list[Wire] = []
    server = await asyncio.get_running_loop().create_server(lambda: Wire(served.append), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gone, alive = await Peer.connect(port), await Peer.connect(port)
    await eventually(lambda: len(served) == 2)
    link = Link([])
    outbox = Outbox(asyncio.get_running_loop(), cast("FrameLink", link))
    gone.wire.transport.abort()
    await eventually(lambda: gone.wire.lost)
    outbox.write(gone.wire.transport, b"to nobody")
    outbox.write(alive.wire.transport, b"to somebody")
    outbox.frame("an exchange", 6, 0, 0.0, b"")  # type: ignore[arg-type]  # only passed on
    await eventually(lambda: any(b"to somebody" in wire.data for wire in served))
    assert len(link.sent) == 1
    server.close()
    alive.close()
    for wire in served:
        wire.transport.abort()
    await eventually(lambda: alive.wire.lost and all(wire.lost for wire in served))


class BehindLink(Link):
    """Its observer does not keep up."""

    def behind(self) -> bool:
        return True


@on_loop
async def test_where_somebody_records_no_body_is_skimmed_however_far_behind_the_observer_is() -> None:
    loop, link = asyncio.get_running_loop(), cast("FrameLink", BehindLink([]))
    plain, whole = Outbox(loop, link), Outbox(loop, link, whole_bodies=True)
    assert (plain.behind(), plain.skims()) == (True, True)
    assert (whole.behind(), whole.skims()) == (True, False)
