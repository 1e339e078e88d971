"""The server side of a connection, driven by hand: no socket, no loop turns left to chance."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.raw_http import chunks, cut
from tests.support.relay import eventually

from tokentape.proxy.http1.server import Limits, Reading, ServerConnection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.http1.errors import ProtocolError
    from tokentape.proxy.http1.heads import RequestHead

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Transport:
    """A socket that takes everything."""

    def __init__(self) -> None:
        self.written = b""
        self.reading = True
        self.untaken = 0
        self.calls: list[str] = []

    def write(self, data: bytes) -> None:
        assert "write_eof" not in self.calls, "written behind the end"
        self.written += data

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.calls.append("write_eof")

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")


class Server(ServerConnection):
    """Notes what comes; replies when told to."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.everyone: set[ServerConnection] = set()
        super().__init__(self.everyone, limits or Limits())
        self.requests: list[tuple[bytes, bytes, bool]] = []
        """Target, payload so far, ended."""
        self.raw: list[bytes] = []
        self.gone: list[str | None] = []
        self.automatic = False
        self.begun = False
        self.wire = Transport()
        self.connection_made(cast("asyncio.Transport", self.wire))

    def request_started(self, head: RequestHead, raw: bytes, pieces: Sequence[bytes], *, ended: bool) -> None:
        self.requests.append((head.target, b"".join(pieces), ended))
        self.raw.append(raw)
        self._reply(ended)

    def request_body(self, raw: bytes, pieces: Sequence[bytes], *, ended: bool) -> None:
        target, payload, _ = self.requests[-1]
        self.requests[-1] = (target, payload + b"".join(pieces), ended)
        self.raw[-1] += raw
        self._reply(ended)

    def _reply(self, ended: bool) -> None:  # noqa: FBT001 - passed on
        if ended and self.automatic:
            self.reply_finished(keep_alive=True)

    def client_gone(self, error: ProtocolError | None) -> None:
        self.gone.append(error.code if error else None)

    def refusal(self, error: ProtocolError) -> bytes:
        return b"%d %b\n" % (error.status, error.code.encode())

    def reply_begun(self) -> bool:
        return self.begun

    @property
    def paused(self) -> bool:
        return not self.wire.reading


async def feed(server: Server, pieces: Sequence[bytes]) -> None:
    """What a socket would bring: nothing while it is not read."""
    for piece in pieces:
        await eventually(lambda: not server.paused)
        server.data_received(piece)
        await asyncio.sleep(0)


def run(server: Server, pieces: Sequence[bytes]) -> None:
    async def all_of_it() -> None:
        await feed(server, pieces)
        for _ in range(50):
            await asyncio.sleep(0)

    asyncio.run(all_of_it())


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """A request as bytes, its target and its payload."""
    target = draw(st.sampled_from([b"/", b"/v1/messages", b"/a?b=c"]))
    parts = draw(st.lists(st.binary(min_size=1, max_size=50), max_size=4))
    framing = draw(st.sampled_from(["none", "length", "chunked"]))
    body = b"".join(parts) if framing != "none" else b""
    wire = chunks(parts, b"X: y\r\n") if framing == "chunked" else body
    header = {
        "none": b"",
        "length": b"Content-Length: %d\r\n" % len(body),
        "chunked": b"Transfer-Encoding: chunked\r\n",
    }
    raw = b"POST " + target + b" HTTP/1.1\r\nHost: a\r\n" + header[framing] + b"\r\n" + wire
    return raw, target, body


@given(st.lists(requests(), max_size=6), st.lists(st.integers(0, 5000), max_size=15))
def test_pipelined_requests_are_told_apart_in_any_segmentation(
    sent: list[tuple[bytes, bytes, bytes]], places: list[int]
) -> None:
    server = Server()
    server.automatic = True
    run(server, cut(b"".join(raw for raw, _, _ in sent), places))
    assert server.requests == [(target, body, True) for _, target, body in sent]
    assert b"".join(server.raw) == b"".join(raw.partition(b"\r\n\r\n")[2] for raw, _, _ in sent)
    assert (server.reading, server.paused, server.wire.calls) == (Reading.HEAD, False, [])


def test_the_next_request_waits_for_the_reply_to_the_one_before() -> None:
    server = Server()
    run(server, [GET + GET])
    assert (len(server.requests), server.reading) == (1, Reading.AHEAD)


def test_a_client_may_pipeline_only_so_much() -> None:
    server = Server()
    run(server, [GET, b"x" * 100_000, b"x" * 100_000, b"x" * 100_000])
    assert server.paused


def test_thousands_of_pipelined_requests_are_no_recursion() -> None:
    async def story() -> None:
        server = Server()
        server.automatic = True
        await feed(server, [GET * 5000])
        await eventually(lambda: len(server.requests) == 5000)

    asyncio.run(story())


def test_no_request_is_begun_while_replies_are_not_taken() -> None:
    async def story() -> None:
        server = Server()
        server.data_received(GET + GET)
        server.pause_writing()
        server.reply_finished(keep_alive=True)
        for _ in range(5):
            await asyncio.sleep(0)
        assert (len(server.requests), server.paused) == (1, True)
        server.resume_writing()
        assert (len(server.requests), server.paused) == (2, False)

    asyncio.run(story())


def test_a_stall_between_requests_stops_the_reading() -> None:
    server = Server()
    server.pause_writing()
    assert server.paused
    server.resume_writing()
    assert not server.paused
    server.data_received(GET)
    assert len(server.requests) == 1


# Ends.


def finished(**options: bool) -> Server:
    server = Server()
    server.data_received(GET)
    server.reply_finished(**options)
    return server


def test_a_reply_that_ends_the_connection_closes_it() -> None:
    assert finished(keep_alive=False).wire.calls == ["close"]


def test_an_early_reply_shuts_the_sending_side_and_reads_on() -> None:
    server = Server()
    server.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    server.reply_finished(keep_alive=False)
    assert (server.wire.calls, server.reading, server.paused) == (["write_eof"], Reading.DISCARD, False)
    server.data_received(b"more")
    assert server.requests == [(b"/", b"abc", False)]


def test_a_refusal_shuts_the_sending_side_and_reads_on() -> None:
    server = Server()
    server.data_received(b"nonsense\r\n\r\n")
    assert (server.wire.written, server.wire.calls) == (b"400 malformed\n", ["write_eof"])
    server.data_received(GET)
    assert (server.requests, server.gone) == ([], [])


def test_a_refusal_inside_a_reply_is_just_the_end() -> None:
    server = Server()
    server.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    server.begun = True
    server.data_received(b"nonsense\r\n")
    assert (server.wire.written, server.wire.calls) == (b"", ["close"])
    assert server.gone == ["chunked_framing"]


def test_the_end_of_an_idle_client_is_the_end() -> None:
    server = Server()
    assert not server.eof_received()
    assert (server.wire.written, server.gone) == (b"", [])


def test_a_half_closed_client_gets_its_sentence_and_the_end() -> None:
    server = Server()
    server.data_received(GET)
    assert not server.eof_received()
    assert (server.wire.written, server.gone) == (b"400 half_closed\n", ["half_closed"])


def test_a_lost_client_is_reported_once_and_forgotten() -> None:
    server = Server()
    server.data_received(GET)
    server.connection_lost(None)
    assert (server.gone, server.everyone) == ([None], set())


# Deadlines.


@pytest.mark.parametrize(
    ("sent", "seconds", "limit"),
    [(b"", 300, "idle"), (GET[:5], 30, "head"), (GET[:-2] + b"Content-Length: 5\r\n\r\nab", 120, "body")],
)
def test_every_state_that_waits_for_the_client_has_a_deadline(sent: bytes, seconds: int, limit: str) -> None:
    server = Server()
    if sent:
        server.data_received(sent)
    start = server.received
    server.sweep(start + seconds - 1)
    assert server.wire.calls == []
    server.sweep(start + seconds + 1)
    assert (server.wire.calls, server.wire.written) == {
        "idle": (["close"], b""),
        "head": (["write_eof"], b"408 slow_head\n"),
        "body": (["write_eof"], b"408 slow_body\n"),
    }[limit]


def test_a_body_that_is_not_read_is_not_slow() -> None:
    server = Server()
    server.data_received(GET[:-2] + b"Content-Length: 5\r\n\r\nab")
    server.pause_client()
    server.sweep(server.received + 1000)
    assert server.wire.calls == []


def test_a_client_that_goes_on_sending_after_a_refusal_is_read_for_a_while_only() -> None:
    server = Server()
    server.data_received(b"nonsense\r\n\r\n")
    start = server.received
    for second in range(29):
        server.received = start + second  # it sends and sends
        server.sweep(start + second + 1)
    assert server.wire.calls == ["write_eof"]
    server.received = start + 31
    server.sweep(start + 31)
    assert server.wire.calls == ["write_eof", "abort"]


def test_a_client_that_is_silent_after_a_refusal_is_not_waited_for() -> None:
    server = Server()
    server.data_received(b"nonsense\r\n\r\n")
    server.sweep(server.received + 2)
    server.sweep(server.received + 4)
    assert server.wire.calls == ["write_eof", "abort"]


def test_the_end_waits_for_a_client_that_takes_what_there_is() -> None:
    server = Server()
    server.wire.untaken = 500_000
    server.data_received(GET)
    server.reply_finished(keep_alive=False)
    now = server.received
    for _ in range(50):
        now += 100
        server.wire.untaken -= 1000
        server.sweep(now)
    assert server.wire.calls == ["close"]
    server.sweep(now + 119)
    server.sweep(now + 121)
    assert server.wire.calls == ["close", "abort"]


# Limits.


def test_a_body_over_the_limit_is_refused_by_its_announced_length() -> None:
    server = Server(Limits(body_bytes=10 * 1024 * 1024))
    server.data_received(GET[:-2] + b"Content-Length: %d\r\n\r\n" % (10 * 1024 * 1024 + 1))
    assert (server.requests, server.wire.written) == ([], b"413 body_too_large\n")


@pytest.mark.parametrize(("size", "refused"), [(1000, False), (1001, True)])
def test_a_chunked_body_over_the_limit_is_refused_as_it_comes(size: int, refused: bool) -> None:  # noqa: FBT001
    server = Server(Limits(body_bytes=1000))
    server.data_received(GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n")
    for byte in cut(chunks([b"x" * size]), range(0, size, 100)):
        server.data_received(byte)
    assert (server.wire.written == b"413 body_too_large\n") == refused
    assert server.gone == (["body_too_large"] if refused else [])


def test_the_limit_is_named_in_megabytes() -> None:
    server = Server(Limits(body_bytes=64 * 1024 * 1024))
    assert server._too_large().message.startswith("The body is over 64 MB: ")
