"""Any valid traffic through the relay equals the same traffic without it; any other ends cleanly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.raw_http import Peer, chunks, cut
from tests.support.relay import Bed, eventually, on_loop, relay_bed

from tokentape.proxy.frames import Ending

if TYPE_CHECKING:
    from tests.support.raw_http import Message

PLAN = b"X-Plan"
VCHARS = bytes([*range(0x21, 0x7F), *range(0x80, 0x100)])
FREE_NAMES = [
    b"X-Api-Key",
    b"authorization",
    b"ACCEPT",
    b"Content-Type",
    b"x-Odd~Name",
    b"request-id",
    b"Via",
]


class Plan(msgspec.Struct, kw_only=True):
    """One exchange, entirely: what the client sends, what the upstream answers, and where both are cut."""

    method: bytes
    target: bytes
    request_headers: list[bytes]
    request_parts: list[bytes] | None
    """Chunks, or the body in one; None has no body."""
    request_chunked: bool
    request_trailer: bytes
    request_cuts: list[int]
    interim: list[bytes]
    status: int
    reply_headers: list[bytes]
    reply_parts: list[bytes]
    reply_framing: str
    reply_trailer: bytes
    reply_cuts: list[int]
    upstream_closes: bool

    def request(self, number: int) -> bytes:
        """The bytes that a client sends."""
        lines = [b"%b %b HTTP/1.1" % (self.method, self.target), b"Host: relay", *self.request_headers]
        lines.append(b"%b: %d" % (PLAN, number))
        body = b""
        if self.request_parts is not None and self.request_chunked:
            lines.append(b"transfer-encoding: chunked")
            body = chunks(self.request_parts, self.request_trailer)
        elif self.request_parts is not None:
            body = b"".join(self.request_parts)
            lines.append(b"content-length: %d" % len(body))
        return b"\r\n".join([*lines, b"", b""]) + body

    def reply(self) -> bytes:
        """The bytes that the upstream sends, interim replies included."""
        lines = [b"HTTP/1.1 %d Planned" % self.status, *self.reply_headers]
        body = b"".join(self.reply_parts)
        if self.status == 204:
            body = b""
        elif self.reply_framing == "length" or self.status == 304:
            lines.append(b"Content-Length: %d" % len(body))
        elif self.reply_framing == "chunked":
            lines.append(b"Transfer-Encoding: chunked")
            body = chunks(self.reply_parts, self.reply_trailer)
        if self.upstream_closes:
            lines.append(b"Connection: close")
        if self.method == b"HEAD" or self.status == 304:
            body = b""
        return b"".join(self.interim) + b"\r\n".join([*lines, b"", b""]) + body

    @property
    def until_close(self) -> bool:
        """The reply ends with its connection."""
        framed = self.reply_framing != "eof" or self.method == b"HEAD"
        return not framed and self.status not in {204, 304}


@st.composite
def lines(draw: st.DrawFn) -> list[bytes]:
    """Headers that are nobody's business."""
    values = st.lists(st.sampled_from(VCHARS), max_size=10).map(bytes)
    pairs = draw(st.lists(st.tuples(st.sampled_from(FREE_NAMES), values), max_size=4))
    return [name + b": " + value for name, value in pairs]


cuts = st.lists(st.integers(0, 5000), max_size=8)
parts = st.lists(st.binary(min_size=1, max_size=300), max_size=5)
trailers = st.sampled_from([b"", b"X-Checksum: abc\r\n", b"A: 1\r\nB:  \xe9 \r\n"])
interims = st.lists(
    st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]),
    max_size=2,
)
plans = st.builds(
    Plan,
    method=st.sampled_from([b"GET", b"POST", b"POST", b"HEAD", b"DELETE", b"PUT", b"PATCH", b"OPTIONS"]),
    target=st.sampled_from(
        [b"/", b"/v1/messages", b"/v1/messages?beta=true&x=%20", b"/a//b/../c;d=e", b"/?"]
    ),
    request_headers=lines(),
    request_parts=st.none() | parts,
    request_chunked=st.booleans(),
    request_trailer=trailers,
    request_cuts=cuts,
    interim=interims,
    status=st.sampled_from([200, 200, 200, 201, 204, 304, 400, 429, 500, 529]),
    reply_headers=lines(),
    reply_parts=parts,
    reply_framing=st.sampled_from(["length", "chunked", "chunked", "eof"]),
    reply_trailer=trailers,
    reply_cuts=cuts,
    upstream_closes=st.booleans(),
)


class Seen(msgspec.Struct, frozen=True):
    """What one side saw of a message, hop-by-hop headers aside."""

    start: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    wire: bytes
    body: bytes
    trailers: tuple[tuple[bytes, bytes], ...]
    interim: tuple[bytes, ...]
    complete: bool

    @classmethod
    def of(cls, message: Message | None, *also_dropped: bytes) -> Self:
        """From a message that must be there."""
        assert message is not None
        headers = [pair for pair in message.end_to_end() if pair[0].lower() not in also_dropped]
        return cls(
            message.start,
            tuple(headers),
            message.wire,
            message.body,
            tuple(message.trailers),
            tuple(message.interim),
            message.complete,
        )


class Stage:
    """Plays plans as the upstream, and keeps what it received, by plan."""

    def __init__(self, story: list[Plan]) -> None:
        self.story = story
        self.received: dict[int, Seen] = {}

    async def __call__(self, peer: Peer) -> None:
        while (request := await peer.message()) and request.complete:
            number = int(request.header(b"x-plan") or b"")
            plan = self.story[number]
            self.received[number] = Seen.of(request, b"host")
            await peer.send_cut(cut(plan.reply(), plan.reply_cuts))
            if plan.upstream_closes or plan.until_close:
                peer.close()
                return


async def directly(bed: Bed, story: list[Plan]) -> list[Seen]:
    """Each exchange on a connection of its own, past the relay."""
    seen: list[Seen] = []
    for number, plan in enumerate(story):
        client = await bed.direct()
        client.send(plan.request(number))
        seen.append(Seen.of(await client.message(method=plan.method)))
        client.close()
    return seen


async def through(bed: Bed, story: list[Plan], *, pipelined: bool) -> list[Seen]:
    """All exchanges through the relay, on one connection for as long as it lives."""
    seen: list[Seen] = []
    client = await bed.client()
    if pipelined:
        raw = b"".join(plan.request(number) for number, plan in enumerate(story))
        await client.send_cut(cut(raw, [place for plan in story for place in plan.request_cuts]))
    for number, plan in enumerate(story):
        if not pipelined:
            await client.send_cut(cut(plan.request(number), plan.request_cuts))
        reply = await client.message(method=plan.method)
        seen.append(Seen.of(reply))
        assert reply is not None
        assert (reply.header(b"connection") == b"close") == plan.until_close
        if plan.until_close:
            assert await client.until_closed() == b""
            client.close()
            client = await bed.client()
    assert client.received == b""
    return seen


@settings(max_examples=200, deadline=None)
@given(st.lists(plans, min_size=1, max_size=4), st.booleans())
def test_valid_traffic_in_any_segmentation_equals_direct_traffic(story: list[Plan], pipelined: bool) -> None:  # noqa: FBT001
    if pipelined:
        # Requests behind a reply that ends with its connection are never answered.
        for plan in story[:-1]:
            plan.reply_framing = "chunked" if plan.until_close else plan.reply_framing

    @on_loop
    async def run() -> None:
        stage = Stage(story)
        async with relay_bed(stage) as bed:
            expected = await directly(bed, story)
            asked, stage.received = stage.received, {}
            assert await through(bed, story, pipelined=pipelined) == expected
            assert stage.received == asked
            exchanges = await bed.observed()
            assert [seen.ending for seen in exchanges] == [Ending.COMPLETE] * len(story)
            assert [seen.response_body for seen in exchanges] == [reply.body for reply in expected]
            assert [seen.request_body for seen in exchanges] == [
                request.body for _, request in sorted(asked.items())
            ]
            assert all(seen.request_ended for seen in exchanges)

    run()


# Invalid traffic.

SEEDS = [
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3,
    b"HEAD /.tokentape/healthz HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\n",
    b"GET /@a=b/ HTTP/1.0\r\nX-Tokentape-Labels: c=d\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n",
]
SCRAPS = [b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\x00", b":", b" ", b"\xff", b"0", b"9", b"-"]
LINES = [b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Host: b\r\n", b"X: y\r\n" * 300]
PATCHES = st.sampled_from([*SCRAPS, *LINES, b"A" * 5000])
edits = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 8), PATCHES), max_size=4)
endings = st.sampled_from(["wait", "half_close", "close", "reset"])


def damaged(raw: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, removed, patch in changes:
        start = place % (len(raw) + 1)
        raw = raw[:start] + patch + raw[start + removed :]
    return raw


async def hello(peer: Peer) -> None:
    """Answers every request, and hangs up on what is none."""
    while request := await peer.message():
        if not request.complete:
            return
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body))
        if not request.start.startswith(b"HEAD"):
            peer.send(request.body)


async def until_quiet(bed: Bed, client: Peer) -> None:
    """Until the relay waits for nothing but this client."""
    await eventually(lambda: client.closed or not bed.relay.live or all_unfinished(bed))


def all_unfinished(bed: Bed) -> bool:
    return all(not exchange.request_ended for exchange in bed.relay.live.values())


def check_ending(raw: bytes) -> None:
    """Whatever came, it is replies, the last of which may be a refusal, and nothing torn."""
    while raw:
        head, empty, rest = raw.partition(b"\r\n\r\n")
        assert empty, raw
        assert head.startswith(b"HTTP/1.1 "), raw
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        body, raw = rest[: int(lines[b"content-length"])], rest[int(lines[b"content-length"]) :]
        if b"x-tokentape-error" in lines and body:
            assert msgspec.json.decode(body, type=dict[str, object])["type"] == "error"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), edits, cuts, endings)
def test_whatever_a_client_sends_it_never_hangs_and_leaves_nothing(
    seed: bytes, changes: list[tuple[int, int, bytes]], places: list[int], ending: str
) -> None:
    """The bed's own end checks for tasks, connections and descriptors left behind."""

    @on_loop
    async def run() -> None:
        async with relay_bed(hello) as bed:
            client = await bed.client()
            await client.send_cut(cut(damaged(seed, changes), places))
            await until_quiet(bed, client)
            if ending == "wait":
                # A client that sends no more has to be dealt with by the deadlines alone.
                bed.sweep(1000)
                bed.sweep(2000)
                await eventually(lambda: not bed.relay.clients)
            elif ending == "half_close":
                if not client.wire.lost:
                    client.half_close()
                await eventually(lambda: client.closed)
            elif ending == "close":
                client.close()
            else:
                client.reset()
            if "HEAD" not in str(seed):
                check_ending(await client.until_closed()) if ending in {"wait", "half_close"} else None
            client.close()
            await eventually(lambda: not bed.relay.clients)
            await bed.settle()

    run()


replies = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello world",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    ]
)


@settings(max_examples=200, deadline=None)
@given(replies, edits, cuts, st.sampled_from(["close", "reset", "wait"]))
def test_whatever_an_upstream_sends_its_client_never_hangs(
    reply: bytes, changes: list[tuple[int, int, bytes]], places: list[int], ending: str
) -> None:
    async def garbled(peer: Peer) -> None:
        await peer.message()
        await peer.send_cut(cut(damaged(reply, changes), places))
        if ending == "wait":
            await peer.until_closed()
        elif ending == "close":
            peer.close()
        else:
            peer.reset()

    @on_loop
    async def run() -> None:
        async with relay_bed(garbled) as bed:
            client = await bed.client()
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await eventually(lambda: bed.upstream.peers)

            def over() -> bool:
                if ending == "wait":
                    bed.sweep(1000)
                return not bed.relay.live

            await eventually(over)
            client.close()
            await eventually(lambda: not bed.relay.clients)
            assert len(await bed.observed()) == 1

    run()
