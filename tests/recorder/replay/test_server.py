"""The server on a socket: in order, in time, and cut where recordings are cut."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from tests.recorder.replay.plain import STREAM, desk, interaction, message, question
from tests.support.loop import eventually, on_loop
from tests.support.raw_http import Peer

from tokentape.recorder.cassette.interaction import Arrival, Ending, Timing
from tokentape.recorder.replay import answers
from tokentape.recorder.replay.server import ReplayServer, replaying

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Interaction

EVENTS = [b"event: e\ndata: %d\n\n" % number for number in range(5)]
STREAMED = question("hi", stream=True)


def request_bytes(body: Any, target: str = "/v1/messages") -> bytes:
    content = json.dumps(body).encode()
    return b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b" % (
        target.encode(),
        len(content),
        content,
    )


def streamed(*times: float, headers: float = 0.0, ended: float = 0.0, **more: Any) -> Interaction:
    """A stream whose events came at these times."""
    arrivals = tuple(Arrival(at, len(event)) for at, event in zip(times, EVENTS, strict=False))
    timing = Timing(headers=headers, arrivals=arrivals, ended=ended)
    return interaction(STREAMED, b"".join(EVENTS[: len(times)]), headers=STREAM, timing=timing, **more)


class Heard:
    """What one client received, and when."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.began = monotonic()
        self.times: list[float] = []

    async def events(self, count: int) -> None:
        """Wait for each event by itself."""
        for number in range(count):
            await self.peer.until_seen(EVENTS[number])
            self.times.append(monotonic() - self.began)


@on_loop
async def test_each_event_comes_when_it_came_and_none_before() -> None:
    times = (0.03, 0.06, 0.06, 0.09, 0.12)
    async with ReplayServer(desk(a=[streamed(*times, headers=0.02)], speed=1)) as server:
        peer = await Peer.connect(server.port)
        heard = Heard(peer)
        peer.send(request_bytes(STREAMED))
        await peer.until_seen(b"\r\n\r\n")
        head = monotonic() - heard.began
        await heard.events(5)

        assert head > 0.0195
        assert all(came > due - 0.0005 for came, due in zip(heard.times, times, strict=True))
        assert heard.times == sorted(heard.times)
        peer.close()


@on_loop
async def test_an_event_is_there_before_the_next_one_is_sent() -> None:
    """The second event is due in an hour: only what is written by itself can be seen."""
    async with ReplayServer(desk(a=[streamed(0.0, 3600.0)], speed=1)) as server:
        peer = await Peer.connect(server.port)
        peer.send(request_bytes(STREAMED))
        await peer.until_seen(EVENTS[0])

        assert EVENTS[1] not in peer.received
        peer.close()
        await eventually(lambda: not server.connections)


@pytest.mark.parametrize("speed", [0.0, 50.0])
def test_a_stream_of_hours_is_over_soon_at_another_speed(speed: float) -> None:
    @on_loop
    async def test() -> None:
        recorded = streamed(*((n * speed / 1000 for n in range(5)) if speed else range(5)), headers=0.0)
        async with ReplayServer(desk(a=[recorded], speed=speed)) as server:
            peer = await Peer.connect(server.port)
            peer.send(request_bytes(STREAMED))
            reply = await peer.message(method=b"POST")
            assert reply is not None
            assert reply.body == b"".join(EVENTS)
            peer.close()

    test()


@pytest.mark.parametrize("ending", [Ending.UPSTREAM_ABORT, Ending.TIMEOUT])
def test_a_recording_that_was_cut_is_cut_inside_its_body(ending: Ending) -> None:
    @on_loop
    async def test() -> None:
        async with ReplayServer(desk(a=[streamed(0.0, 0.01, ending=ending)], speed=1)) as server:
            peer = await Peer.connect(server.port)
            peer.send(request_bytes(STREAMED))
            received = await peer.until_closed()

            assert received.endswith(EVENTS[1] + b"\r\n")
            assert not received.endswith(b"0\r\n\r\n")
            peer.close()

    test()


@on_loop
async def test_a_client_that_left_may_leave_again() -> None:
    recorded = streamed(0.0, 0.0, ending=Ending.CLIENT_ABORT)
    async with ReplayServer(desk(a=[recorded])) as server:
        peer = await Peer.connect(server.port)
        peer.send(request_bytes(STREAMED))
        await peer.until_seen(EVENTS[1])
        assert not peer.closed

        peer.close()
        await eventually(lambda: not server.connections)


@on_loop
async def test_a_client_that_stays_is_cut_off_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LEAVING_SECONDS", 0.01)
    async with ReplayServer(desk(a=[streamed(0.0, ending=Ending.CLIENT_ABORT)])) as server:
        peer = await Peer.connect(server.port)
        peer.send(request_bytes(STREAMED))
        received = await peer.until_closed()

        assert received.endswith(EVENTS[0] + b"\r\n")
        peer.close()


@on_loop
async def test_one_connection_carries_one_request_after_the_other() -> None:
    recorded = [interaction(question(str(number)), message(str(number))) for number in range(3)]
    async with ReplayServer(desk(a=recorded)) as server:
        peer = await Peer.connect(server.port)
        peer.send(b"".join(request_bytes(question(str(number))) for number in range(3)))
        for number in range(3):
            reply = await peer.message(method=b"POST")
            assert reply is not None
            assert (reply.status, reply.body) == (200, message(str(number)))
        assert len(server.connections) == 1
        peer.close()


@on_loop
async def test_a_head_is_asked_for_without_a_body() -> None:
    recorded = interaction(None, b"12345", method="HEAD", uri="https://api.anthropic.com/v1/models")
    async with ReplayServer(desk(a=[recorded])) as server:
        peer = await Peer.connect(server.port)
        peer.send(
            b"HEAD /v1/models HTTP/1.1\r\nhost: a\r\n\r\nGET /.tokentape/healthz HTTP/1.1\r\nhost: a\r\n\r\n"
        )
        head, health = await peer.message(method=b"HEAD"), await peer.message(method=b"POST")

        assert head is not None
        assert health is not None
        assert (head.status, head.header(b"content-length")) == (200, b"5")
        assert health.body == b'{"status":"ok"}'
        peer.close()


@on_loop
async def test_who_breaks_http_is_told_in_the_shape_of_the_api() -> None:
    async with ReplayServer(desk(a=[])) as server:
        peer = await Peer.connect(server.port)
        peer.send(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n")
        reply = await peer.message(method=b"POST")
        assert reply is not None
        peer.close()

    assert (reply.status, reply.header(b"x-should-retry")) == (400, b"false")
    assert json.loads(reply.body)["error"]["type"] == "invalid_request_error"


def test_it_serves_from_a_thread() -> None:
    async def ask(port: int) -> bytes:
        peer = await Peer.connect(port)
        peer.send(request_bytes(question("hi")))
        reply = await peer.message(method=b"POST")
        peer.close()
        assert reply is not None
        return reply.body

    with replaying(desk(a=[interaction(question("hi"), message("there"))])) as server:
        assert asyncio.run(ask(server.port)) == message("there")
