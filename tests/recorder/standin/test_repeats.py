"""Replies given again: the same bytes but for the request id, and every one of them counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.recorder.standin.asking import body, request_bytes, settings
from tests.support.raw_http import Message, Peer
from tests.support.relay import on_loop

from tokentape.recorder.standin.server import StandIn

if TYPE_CHECKING:
    from tokentape.recorder.standin.totals import Totals

LARGE = body(system="x" * 100_000)


async def replies(standin: StandIn, *requests: bytes, pipelined: bool = False) -> list[Message]:
    """The replies to requests on one connection."""
    peer = await Peer.connect(standin.port)
    found: list[Message] = []
    if pipelined:
        peer.send(b"".join(requests))
    for request in requests:
        if not pipelined:
            peer.send(request)
        reply = await peer.message(method=b"POST")
        assert reply is not None
        assert reply.complete
        found.append(reply)
    peer.wire.transport.abort()
    await peer.wire.until(lambda: peer.wire.lost)
    return found


def steady(message: Message) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]]:
    """All of a reply but its request id."""
    headers = [pair for pair in message.headers if pair[0] != b"request-id"]
    return message.start, message.wire, headers


@pytest.mark.parametrize("pipelined", [False, True])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("content", [body(), body(stream=True), LARGE])
def test_equal_requests_get_the_same_reply(content: Any, separate: bool, pipelined: bool) -> None:  # noqa: FBT001
    @on_loop
    async def scene() -> None:
        async with StandIn(settings(repeat=True, separate=separate)) as standin:
            found = await replies(standin, *[request_bytes(content)] * 4, pipelined=pipelined)

            assert [steady(reply) for reply in found[1:]] == [steady(found[0])] * 3
            assert len({reply.header(b"request-id") for reply in found}) == 4

    scene()


@pytest.mark.parametrize("content", [body(), body(stream=True), LARGE])
@pytest.mark.parametrize("separate", [False, True])
def test_the_totals_are_those_without_repetition(content: Any, separate: bool) -> None:  # noqa: FBT001
    @on_loop
    async def scene() -> None:
        both: list[Totals] = []
        for repeat in (True, False):
            async with StandIn(settings(repeat=repeat, separate=separate)) as standin:
                for _ in range(2):
                    await replies(standin, *[request_bytes(content)] * 3)
                both.append(standin.totals)
        assert both[0] == both[1]
        assert both[0].tokens.calls == 6

    scene()


@on_loop
async def test_the_totals_of_the_wire_are_up_to_date() -> None:
    async with StandIn(settings(repeat=True)) as standin:
        ask = b"GET /.standin/totals HTTP/1.1\r\nhost: a\r\n\r\n"
        reset = b"POST /.standin/reset HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"

        found = await replies(standin, *[request_bytes()] * 3, ask, reset, request_bytes(), ask)

        assert [json.loads(found[place].body)["tokens"]["calls"] for place in (3, 4, 6)] == [3, 3, 1]


@on_loop
async def test_requests_that_differ_get_replies_of_their_own() -> None:
    async with StandIn(settings(repeat=True)) as standin:
        contents = [body(), body(max_tokens=5), body(max_tokens=6), body(stream=True)]
        found = await replies(standin, *[request_bytes(content) for content in contents * 2])

        assert [steady(reply) for reply in found[:4]] == [steady(reply) for reply in found[4:]]
        assert len({reply.wire for reply in found}) == 4


@on_loop
async def test_what_is_timed_or_refused_is_not_repeated() -> None:
    async with StandIn(settings(repeat=True)) as standin:
        requests = [
            request_bytes(steer={"ttft": 0.001}),
            request_bytes(body(messages=[])),
            request_bytes(steer={"fault": "overloaded"}),
        ]
        await replies(standin, *requests * 2)

        assert not standin.repeats.known
        assert standin.totals.requests == 6


@on_loop
async def test_a_request_in_many_pieces_is_known_by_its_ends() -> None:
    async with StandIn(settings(repeat=True)) as standin:
        raw = request_bytes(LARGE)
        [first] = await replies(standin, raw)
        peer = await Peer.connect(standin.port)
        await peer.send_cut(raw[place : place + 5000] for place in range(0, len(raw), 5000))
        again = await peer.message(method=b"POST")
        peer.wire.transport.abort()
        await peer.wire.until(lambda: peer.wire.lost)

        assert again is not None
        assert steady(again) == steady(first)
        assert standin.totals.tokens.calls == 2


@on_loop
async def test_what_is_kept_is_bounded() -> None:
    async with StandIn(settings(repeat=True)) as standin:
        await replies(standin, *(request_bytes(body(max_tokens=number)) for number in range(1, 300)))

        assert len(standin.repeats._by_ends) == 256
        assert standin.totals.tokens.calls == 299
