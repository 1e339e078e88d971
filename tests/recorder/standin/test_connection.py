"""The stand-in on the wire: framing, faults, aborts, pipelining, refusals, back-pressure."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, TypeGuard

import pytest
from tests.recorder.standin.asking import body, request_bytes, settings
from tests.support.raw_http import Message, Peer
from tests.support.relay import eventually, on_loop

from tokentape.recorder.standin.connection import StandInConnection
from tokentape.recorder.standin.server import StandIn
from tokentape.recorder.standin.totals import Totals

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tokentape.proxy.http1.server import ServerConnection

STREAM = body(stream=True)
LAST = b"0\r\n\r\n"


class Stage(StandIn):
    """A stand-in with the clients that a test connects to it."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(settings(**fields))
        self.peers: list[Peer] = []

    async def connect(self) -> Peer:
        """A new client."""
        peer = await Peer.connect(self.port)
        self.peers.append(peer)
        return peer


@contextlib.asynccontextmanager
async def stage(**fields: Any) -> AsyncGenerator[Stage]:
    """A stand-in whose clients have all gone when the block has ended."""
    standin = Stage(**fields)
    async with standin:
        yield standin
        for peer in standin.peers:
            peer.wire.transport.abort()
        await eventually(lambda: all(peer.wire.lost for peer in standin.peers))


class Arrivals:
    """Counts the pieces in which bytes arrive."""

    def __init__(self, peer: Peer) -> None:
        self.count = 0
        self._pass_on = peer.wire.data_received
        peer.wire.transport.set_protocol(self._spy(peer))

    def _spy(self, peer: Peer) -> asyncio.Protocol:
        counter, wire = self, peer.wire

        class Spy(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                counter.count += 1
                wire.data_received(data)

            def connection_lost(self, exc: Exception | None) -> None:
                wire.connection_lost(exc)

        return Spy()


async def message(peer: Peer) -> Message:
    """The next reply."""
    reply = await peer.message(method=b"POST")
    assert reply is not None
    return reply


def blocked(standin: StandIn) -> bool:
    """A reply waits for its client to read on."""
    playing = [connection._playback for connection in standin.connections if is_ours(connection)]
    return any(playback and playback.blocked for playback in playing)


def is_ours(connection: ServerConnection) -> TypeGuard[StandInConnection]:
    """It is one of the stand-in's connections."""
    return isinstance(connection, StandInConnection)


def events(raw: bytes) -> list[str]:
    """The names of the events."""
    return [
        line.removeprefix(b"event: ").decode() for line in raw.split(b"\n") if line.startswith(b"event: ")
    ]


def totals(standin: StandIn) -> dict[str, Any]:
    """The totals that are not zero, without bytes."""
    plain = {name: getattr(standin.totals, name) for name in Totals.__struct_fields__ if "bytes" not in name}
    return {name: value for name, value in plain.items() if value and isinstance(value, int)}


@on_loop
async def test_replies_follow_each_other_on_a_connection() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        for content in (body(), STREAM, body()):
            peer.send(request_bytes(content))
            reply = await message(peer)
            assert (reply.status, reply.complete) == (200, True)
        peer.close()

        assert totals(standin) == {"requests": 3, "finished": 3, "streams_finished": 1, "events": 16}
        assert standin.totals.tokens.calls == 3


@on_loop
async def test_pipelined_requests_are_answered_in_order() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        texts = ["one", "two", "three"]
        peer.send(b"".join(request_bytes(steer={"text": text, "ttft": 0.001}) for text in texts))

        replies = [json.loads((await message(peer)).body) for _ in texts]

        assert [reply["content"][0]["text"] for reply in replies] == texts


@on_loop
async def test_every_byte_written_is_counted() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        peer.send(request_bytes() + request_bytes(STREAM) + request_bytes({}, extra="connection: close\r\n"))
        received = len(await peer.until_closed())

        assert standin.totals.bytes_out == received


@pytest.mark.parametrize(
    ("fault", "names", "complete"),
    [
        ("error_event:after=2", ["message_start", "content_block_start", "error"], True),
        ("cut:after=2", ["message_start", "content_block_start"], False),
        ("cut:after=1,inside=1", ["message_start", "content_block_start"], False),
        ("cut:after=0", [], False),
    ],
)
@pytest.mark.parametrize("separate", [True, False])
def test_a_stream_breaks_as_told(fault: str, names: list[str], complete: bool, separate: bool) -> None:  # noqa: FBT001
    @on_loop
    async def scene() -> None:
        async with stage(separate=separate) as standin:
            peer = await standin.connect()
            peer.send(request_bytes(STREAM, steer={"fault": fault}))
            reply = await message(peer)

            assert (reply.status, events(reply.body), reply.complete) == (200, names, complete)
            peer.close()
            assert standin.totals.unfinished_tokens.calls == 1
            assert (standin.totals.cut, standin.totals.finished) == (0, 1) if complete else (1, 0)

    scene()


@on_loop
async def test_a_reply_can_be_cut_at_any_byte() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        peer.send(request_bytes(extra="connection: close\r\n"))
        whole = await peer.until_closed()
        sizes = [*range(0, len(whole), 97), len(whole) - 1]
        for size in sizes:
            peer = await standin.connect()
            peer.send(request_bytes(steer={"fault": f"cut:byte={size}"}, extra="connection: close\r\n"))
            assert len(await peer.until_closed()) == size

        assert standin.totals.cut == len(sizes)


@pytest.mark.parametrize("fault", ["hang_up", "cut:after=1", "cut:byte=9", "cut"])
def test_a_cut_can_be_a_reset(fault: str) -> None:
    @on_loop
    async def scene() -> None:
        async with stage() as standin:
            both: list[bool] = []
            for reset in ("", ":reset=1" if ":" not in fault else ",reset=1"):
                peer = await standin.connect()
                peer.send(request_bytes(STREAM if "after" in fault else None, steer={"fault": fault + reset}))
                await peer.until_closed()
                peer.close()
                await peer.wire.until(lambda peer=peer: peer.wire.lost)  # type: ignore[misc] # a default
                both.append(peer.reset_by_peer)

            assert both == [False, True]
            assert standin.totals.cut == 2

    scene()


@on_loop
async def test_a_stalled_stream_sends_only_pings_until_the_client_leaves() -> None:
    async with stage(ping_seconds=0.01) as standin:
        peer = await standin.connect()
        peer.send(request_bytes(STREAM, steer={"fault": "stall:after=2"}))
        await peer.wire.until(lambda: peer.received.count(b"event: ping") == 4)

        assert events(peer.received) == ["message_start", "content_block_start", *["ping"] * 4]
        peer.close()
        await eventually(lambda: standin.totals.aborted)
        assert totals(standin) == {"requests": 1, "aborted": 1}


@on_loop
async def test_a_stall_can_end() -> None:
    async with stage(ping_seconds=0.01) as standin:
        peer = await standin.connect()
        for content in (STREAM, body()):
            peer.send(request_bytes(content, steer={"fault": "stall:after=2,seconds=0.03"}))
            reply = await message(peer)
            assert reply.complete
            assert b"event: message_stop" in reply.body or json.loads(reply.body)["stop_reason"] == "end_turn"

        assert standin.totals.finished == 2


@on_loop
async def test_a_whole_reply_stalls_or_is_cut_in_its_middle() -> None:
    async with stage() as standin:
        for fault in ("stall", "cut", "hang_up"):
            peer = await standin.connect()
            peer.send(request_bytes(steer={"fault": fault}))
            if fault == "stall":
                await peer.wire.until(lambda peer=peer: b'"content"' in peer.received)  # type: ignore[misc] # a default
                peer.close()
                continue
            reply = await peer.message(method=b"POST")
            assert reply is None if fault == "hang_up" else reply and not reply.complete

        await eventually(lambda: standin.totals.aborted)
        assert (standin.totals.cut, standin.totals.aborted) == (2, 1)


@pytest.mark.parametrize("by", [10, -10])
def test_a_wrong_length_is_wrong(by: int) -> None:
    @on_loop
    async def scene() -> None:
        async with stage() as standin:
            peer = await standin.connect()
            peer.send(request_bytes(steer={"fault": f"wrong_length:by={by}"}))
            raw = await peer.until_closed()
            head, _, sent = raw.partition(b"\r\n\r\n")
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])

            assert length - len(sent) == by
            assert json.loads(sent)["type"] == "message"

    scene()


@on_loop
async def test_a_malformed_reply_is_complete_and_no_json() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        peer.send(request_bytes(steer={"fault": "malformed"}))
        reply = await message(peer)

        assert reply.complete
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.body)


@on_loop
async def test_a_stream_without_message_stop_ends_properly() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        peer.send(request_bytes(STREAM, steer={"fault": "no_message_stop"}))
        reply = await message(peer)

        assert (reply.complete, events(reply.body)[-1]) == (True, "message_delta")


@pytest.mark.parametrize("steer", [{"ttft": 30}, {"tokens_per_second": 0.1}, {"separate": True}])
def test_a_client_that_leaves_is_counted_with_what_it_missed(steer: dict[str, Any]) -> None:
    @on_loop
    async def scene() -> None:
        # So much that it cannot all be in the sockets' buffers.
        async with stage(output_tokens=60_000, chunk_tokens=1) as standin:
            peer = await standin.connect()
            peer.wire.transport.pause_reading()
            peer.send(request_bytes(body(stream=True, max_tokens=64_000), steer=steer))
            await eventually(lambda: standin.totals.requests)
            peer.reset()
            await eventually(lambda: not standin.connections)

            assert totals(standin) == {"requests": 1, "aborted": 1}
            assert standin.totals.unfinished_tokens.output_tokens == 60_000
            # It is taken out when its next turn comes.
            await eventually(lambda: not standin.player._taking_turns)

    scene()


@on_loop
async def test_a_client_that_leaves_inside_its_request_is_counted() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        peer.send(request_bytes()[:-5])
        await eventually(lambda: standin.connections)
        peer.close()
        await eventually(lambda: not standin.connections)

        assert totals(standin) == {"aborted": 1}


@pytest.mark.parametrize("steer", [{"separate": True}, {}, {"tokens_per_second": 1e9}])
def test_a_slow_reader_gets_everything(steer: dict[str, Any]) -> None:
    @on_loop
    async def scene() -> None:
        async with stage(output_tokens=60_000, chunk_tokens=1) as standin:
            peer = await standin.connect()
            peer.wire.transport.pause_reading()
            content = body(stream=True, max_tokens=64_000)
            peer.send(request_bytes(content, steer=steer, extra="connection: close\r\n"))
            await eventually(lambda: blocked(standin))
            peer.wire.transport.resume_reading()
            raw = await peer.until_closed()

            assert raw.count(b"event: content_block_delta") == 60_000
            assert raw.endswith(LAST)
            assert len(raw) == standin.totals.bytes_out

    scene()


@on_loop
async def test_separate_events_are_separate_writes_and_others_are_not() -> None:
    async with stage() as standin:
        writes: list[int] = []
        for separate in (True, False):
            peer = await standin.connect()
            arrivals = Arrivals(peer)
            peer.send(request_bytes(STREAM, steer={"separate": separate}))
            await message(peer)
            writes.append(arrivals.count)

        # The loop is one: what is written in one turn is read in the next.
        assert writes == [17, 1]


@on_loop
async def test_an_old_client_gets_a_stream_that_ends_with_the_connection() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        peer.send(request_bytes(STREAM, version="1.0"))
        reply = await message(peer)

        assert reply.header(b"transfer-encoding") is None
        assert reply.header(b"connection") == b"close"
        assert (events(reply.body)[-1], reply.complete) == ("message_stop", True)


@on_loop
async def test_a_client_that_waits_for_continue_is_told_to() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        head, _, content = request_bytes(extra="expect: 100-continue\r\n").partition(b"\r\n\r\n")
        peer.send(head + b"\r\n\r\n")
        await peer.until_received(25)
        assert peer.received == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.send(content)
        reply = await message(peer)

        assert (reply.status, len(reply.interim)) == (200, 1)


@on_loop
async def test_head_gets_the_head_alone() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        peer.send(request_bytes().replace(b"POST /v1/messages", b"HEAD /v1/models"))
        reply = await peer.message(method=b"HEAD")

        assert reply is not None
        assert reply.status == 200
        assert int(reply.header(b"content-length") or 0) > 1000


@pytest.mark.parametrize(
    ("raw", "status", "kind"),
    [
        (b"nonsense\r\n\r\n", 400, "invalid_request_error"),
        (
            b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 33554433\r\n\r\n",
            413,
            "request_too_large",
        ),
    ],
)
def test_broken_http_is_refused_in_the_shape_of_the_api(raw: bytes, status: int, kind: str) -> None:
    @on_loop
    async def scene() -> None:
        async with stage() as standin:
            peer = await standin.connect()
            peer.send(raw)
            reply = await message(peer)
            error = json.loads(reply.body)

            assert (reply.status, error["error"]["type"]) == (status, kind)
            assert error["request_id"] == (reply.header(b"request-id") or b"").decode()
            assert totals(standin) == {"refused": 1}

    scene()


@on_loop
async def test_totals_are_not_part_of_the_totals() -> None:
    async with stage() as standin:
        peer = await standin.connect()
        for _ in range(2):
            peer.send(b"GET /.standin/totals HTTP/1.1\r\nhost: a\r\n\r\n")
            told = json.loads((await message(peer)).body)
            assert (told["requests"], told["finished"]) == (0, 0)


@on_loop
async def test_large_replies_leave_in_parts() -> None:
    async with stage(text="x" * 500_000, any_model=True) as standin:
        peer = await standin.connect()
        for steer in ({}, {"ttft": 0.001}):
            peer.send(request_bytes(body(model="large", max_tokens=128_000), steer=steer))
            reply = await message(peer)
            assert len(json.loads(reply.body)["content"][0]["text"]) == 500_000
