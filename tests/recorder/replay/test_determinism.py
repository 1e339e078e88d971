"""The same cassette gives the same bytes in the same order, on every run and with any concurrency."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.recorder.replay.conversation import requests, tape
from tests.recorder.replay.plain import desk
from tests.support.loop import on_loop
from tests.support.raw_http import Peer

from tokentape.recorder.replay.server import ReplayServer


async def transcript(port: int, session: int) -> bytes:
    """All bytes that one client receives while it goes through the loop on one connection."""
    peer = await Peer.connect(port)
    heard: list[bytes] = []
    for body in requests():
        content = json.dumps(body).encode()
        peer.send(
            b"POST /@session=%d/v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b"
            % (session, len(content), content)
        )
        reply = await peer.message(method=b"POST")
        assert reply is not None
        heard += [reply.start, *(b"%b: %b" % header for header in reply.headers), reply.wire]
    peer.close()
    return b"\n".join(heard)


async def replayed(sessions: int, speed: float = 0.0) -> list[bytes]:
    """The transcripts of so many sessions at a time, with a server of their own."""
    async with ReplayServer(desk(loop=tape(), speed=speed)) as server:
        return await asyncio.gather(*(transcript(server.port, number) for number in range(sessions)))


@pytest.mark.slow
@on_loop
async def test_100_replays_with_32_sessions_each_are_byte_identical() -> None:
    [alone] = await replayed(1)
    assert alone.count(b"event: message_stop") == 4
    assert alone.count(b"HTTP/1.1 200 OK\n") == 4

    for _ in range(100):
        assert await replayed(32) == [alone] * 32


@on_loop
async def test_the_speed_changes_no_byte() -> None:
    assert await replayed(2, speed=50) == await replayed(2)
