"""Many clients and an upstream, all behaving badly at once: nobody gets a byte that is not theirs."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from tests.support.raw_http import chunks, cut
from tests.support.relay import on_loop, relay_bed

from tokentape.proxy.frames import Ending

if TYPE_CHECKING:
    from tests.support.raw_http import Peer
    from tests.support.relay import Bed

CLIENTS = 25
TURNS = 8


def body_for(target: bytes) -> bytes:
    """A reply body that names its request over and over, of a size that only the request decides."""
    return (target + b"|") * (1 + sum(target) * 7919 % 4000)


class Upstream:
    """Answers each request in some framing, or breaks off somewhere, early, inside or at once."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    async def __call__(self, peer: Peer) -> None:
        chance = self.chance
        while (request := await peer.message()) and request.complete:
            target = request.start.split(b" ")[1]
            assert request.body in {b"", target * 100}
            reply, closes = self._reply(target)
            mood = chance.random()
            if mood < 0.15:
                reply = reply[: chance.randrange(len(reply))]
            await peer.send_cut(cut(reply, [chance.randrange(5000) for _ in range(chance.randrange(4))]))
            if mood < 0.1:
                peer.reset()
                return
            if mood < 0.15 or closes:
                peer.close()
                return

    def _reply(self, target: bytes) -> tuple[bytes, bool]:
        body = body_for(target)
        framing = self.chance.choice(["length", "chunked", "eof"])
        if framing == "length":
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body, False
        if framing == "chunked":
            parts = cut(body, [self.chance.randrange(len(body)) for _ in range(5)])
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(parts), False
        return b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n" + body, True


class Client:
    """Asks again and again, and sometimes leaves in the middle."""

    def __init__(self, bed: Bed, name: int, chance: random.Random) -> None:
        self.bed = bed
        self.name = name
        self.chance = chance
        self.whole = 0

    async def __call__(self) -> None:
        peer = await self.bed.client()
        for turn in range(TURNS):
            if peer.closed:
                peer = await self.bed.client()
            target = b"/%d-%d" % (self.name, turn)
            leaves = await self._ask(peer, target)
            if leaves:
                self.chance.choice([peer.reset, peer.close, peer.half_close])()
                await peer.until_closed()
                continue
            await self._read(peer, target)

    async def _ask(self, peer: Peer, target: bytes) -> bool:
        chance = self.chance
        body = target * 100 if chance.random() < 0.5 else b""
        framing = b"Content-Length: %d\r\n" % len(body)
        if body and chance.random() < 0.5:
            framing, body = b"Transfer-Encoding: chunked\r\n", chunks([body[:50], body[50:]])
        raw = b"POST " + target + b" HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n" + body
        leaves = chance.random() < 0.2
        if leaves:
            raw = raw[: chance.randrange(1, len(raw))]
        await peer.send_cut(cut(raw, [chance.randrange(3000) for _ in range(chance.randrange(3))]))
        if leaves and chance.random() < 0.5:
            await asyncio.sleep(chance.random() / 100)
        return leaves

    async def _read(self, peer: Peer, target: bytes) -> None:
        reply = await peer.message(method=b"POST")
        if reply is None or peer.wire.error:
            return
        if reply.status == 502:
            assert reply.header(b"x-tokentape-error") == b"upstream_closed"
            return
        expected = body_for(target)
        assert expected.startswith(reply.body), "bytes of another reply"
        closed_in_time = reply.header(b"content-length") is None and reply.header(b"connection") == b"close"
        if reply.complete and not closed_in_time:
            assert reply.body == expected
            self.whole += 1


@pytest.mark.parametrize("seed", range(6))
@on_loop
async def test_nobody_gets_a_byte_that_is_not_theirs_and_every_exchange_is_accounted_for(seed: int) -> None:
    async with relay_bed(Upstream(random.Random(seed))) as bed:
        everyone = [Client(bed, name, random.Random(seed * 1000 + name)) for name in range(CLIENTS)]
        talks = [asyncio.create_task(client()) for client in everyone]
        if seed % 2:
            for _ in range(5):
                await asyncio.sleep(0.01)
                await bed.observer.kill()
                await bed.observer.start()
        await asyncio.gather(*talks)
        assert sum(client.whole for client in everyone) > CLIENTS
        await bed.settle()
        for seen in bed.observer.exchanges:
            expected = body_for(seen.head.split(b" ")[1])
            assert seen.response_body in expected
            if not seen.resumed:
                assert expected.startswith(seen.response_body)
            if seen.ending is Ending.COMPLETE and b"X: y" not in seen.response_head and not seen.resumed:
                assert seen.response_body == expected
