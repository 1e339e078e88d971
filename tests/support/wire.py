"""Recorded replies served over real sockets, and a client that sees every byte.

Both sides are written from RFC 9112 with asyncio streams and share no code with the proxy. A `Plan`
fixes one exchange entirely, from a seed: content coding, framing, and where the bytes are cut.
"""

from __future__ import annotations

import asyncio
import random
import threading
import zlib
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import brotli
import msgspec
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from tests.support.recordings import Interaction

CODINGS = ("identity", "gzip", "br", "zstd")
PLAN_HEADER = "x-recorded-reply"
"""Names the plan, all the way through a proxy."""

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})
"""What a proxy may change: RFC 9110 section 7.6.1."""

Headers = list[tuple[str, str]]


class _Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


class _Brotli:
    """brotli's compressor with zlib's method names."""

    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=4)

    def compress(self, data: bytes, /) -> bytes:
        return self._stream.process(data)

    def flush(self, mode: int = zlib.Z_FINISH, /) -> bytes:
        return self._stream.finish() if mode == zlib.Z_FINISH else self._stream.flush()


# By coding: a new encoder, and the modes that flush an event and that end the body.
_ENCODERS: dict[str, tuple[Callable[[], _Encoder], int, int]] = {
    "gzip": (lambda: zlib.compressobj(wbits=31), zlib.Z_SYNC_FLUSH, zlib.Z_FINISH),
    "br": (_Brotli, zlib.Z_SYNC_FLUSH, zlib.Z_FINISH),
    "zstd": (
        lambda: zstandard.ZstdCompressor().compressobj(),
        zstandard.COMPRESSOBJ_FLUSH_BLOCK,
        zstandard.COMPRESSOBJ_FLUSH_FINISH,
    ),
}


def encoded(parts: list[bytes], coding: str) -> list[bytes]:
    """Parts of a body under a content coding, each flushed as servers flush events; then the end."""
    if coding == "identity":
        return parts
    encoder_type, flush, finish = _ENCODERS[coding]
    encoder = encoder_type()
    return [*(encoder.compress(part) + encoder.flush(flush) for part in parts), encoder.flush(finish)]


def parts_of(reply: Interaction) -> list[bytes]:
    """The events of a stream, else the whole body."""
    if not reply.stream:
        return [reply.body]
    *events, rest = reply.body.split(b"\n\n")
    return [event + b"\n\n" for event in events] + ([rest] if rest else [])


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange: which reply, and how it is put on the wire."""

    key: str
    reply: Interaction
    coding: str
    framing: str
    """Of the reply: length, chunked, or eof (it ends with the connection)."""
    chunked_request: bool
    seed: int
    body: bytes
    """The response body on the wire, encoded."""

    def response_headers(self) -> Headers:
        framing = {
            "length": [("content-length", str(len(self.body)))],
            "chunked": [("Transfer-Encoding", "chunked")],
            "eof": [("connection", "close")],
        }
        coding = [] if self.coding == "identity" else [("Content-Encoding", self.coding)]
        return [*self.reply.served_headers(), *coding, *framing[self.framing]]

    def request_headers(self) -> Headers:
        length = ("content-length", str(len(self.reply.request_body)))
        framing = ("Transfer-Encoding", "chunked") if self.chunked_request else length
        return [("Host", "recorded"), *self.reply.sent_headers(), (PLAN_HEADER, self.key), framing]

    def target(self) -> str:
        return self.reply.url.removeprefix("https://api.anthropic.com")


def plan(number: int, reply: Interaction, coding: str) -> Plan:
    """The plan for a reply, the same in every run."""
    seed = zlib.crc32(f"{reply.name} {coding}".encode())
    chance = random.Random(seed)
    return Plan(
        key=f"{number}-{coding}",
        reply=reply,
        coding=coding,
        framing=chance.choice(("length", "chunked", "chunked", "eof")),
        chunked_request=chance.random() < 0.5,
        seed=seed,
        body=b"".join(encoded(parts_of(reply), coding)),
    )


class Message(msgspec.Struct, kw_only=True):
    """A request or response as one side received it."""

    start: str
    headers: Headers
    body: bytes
    complete: bool = True


def segments(data: bytes, chance: random.Random) -> list[bytes]:
    """The data cut at up to a dozen random places."""
    places = chance.sample(range(len(data) + 1), min(len(data), chance.choice((0, 1, 4, 12))))
    return [data[start:end] for start, end in pairwise(sorted({0, len(data), *places}))]


def chunked(data: bytes, chance: random.Random) -> bytes:
    """RFC 9112 section 7.1."""
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in segments(data, chance)]
    return b"".join(chunks) + b"0\r\n\r\n"


def head(start: str, headers: Headers) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def receive(reader: asyncio.StreamReader, *, is_response: bool) -> Message | None:
    """One message, `None` where the connection ended before it began."""
    try:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    except asyncio.IncompleteReadError:
        return None
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    message = Message(start=start, headers=headers, body=b"")
    fields = {name.lower(): value for name, value in headers}
    try:
        if fields.get("transfer-encoding") == "chunked":
            message.body = await _receive_chunked(reader)
        elif "content-length" in fields:
            message.body = await reader.readexactly(int(fields["content-length"]))
        elif is_response:
            message.body = await reader.read()
    except asyncio.IncompleteReadError as error:
        message.body, message.complete = error.partial, False
    return message


async def _receive_chunked(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(chunks)


async def send(writer: asyncio.StreamWriter, data: bytes, chance: random.Random) -> None:
    """Write in random segments, each handed to the kernel before the next is made."""
    for part in segments(data, chance):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)


class RecordingsServer:
    """An upstream that answers each request with the plan that it names."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self._plans = {plan.key: plan for plan in plans}
        self.received: dict[str, Message] = {}
        """Requests as they came, by the key of their plan."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while request := await receive(reader, is_response=False):
                if not await self._answer(request, writer):
                    break
        finally:
            writer.close()

    async def _answer(self, request: Message, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection lives on."""
        plan = self._plans[dict(request.headers)[PLAN_HEADER]]
        self.received[plan.key] = request
        chance = random.Random(plan.seed)
        body = chunked(plan.body, chance) if plan.framing == "chunked" else plan.body
        await send(
            writer, head(f"HTTP/1.1 {plan.reply.status} Recorded", plan.response_headers()) + body, chance
        )
        return plan.framing != "eof"


@contextmanager
def serving(server: RecordingsServer) -> Generator[str]:
    """The server's URL, while a thread of its own serves it on a free port of the loopback."""
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = []
    ready = threading.Event()

    async def serve() -> None:
        stop = asyncio.Event()
        listener = await asyncio.start_server(server, "127.0.0.1", 0)
        started.append((asyncio.get_running_loop(), stop, listener.sockets[0].getsockname()[1]))
        ready.set()
        await stop.wait()
        listener.close()  # `asyncio.run` then ends the connections that a proxy keeps

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    loop, stop, port = started[0]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def fetch(port: int, plans: Iterable[Plan], extra: Callable[[Plan], Headers]) -> dict[str, Message]:
    """Carry out the plans one after another on as few connections as the replies allow.

    `extra` gives request headers to add. Raises `ConnectionError` where a reply never begins.
    """
    replies: dict[str, Message] = {}
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for plan in plans:
        if connection is None:
            connection = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = connection
        await send(writer, _request(plan, extra(plan)), random.Random(plan.seed))
        reply = await receive(reader, is_response=True)
        if reply is None:
            raise ConnectionError(f"no reply to {plan.key}")
        replies[plan.key] = reply
        if _ends(reply):
            writer.close()
            connection = None
    if connection:
        connection[1].close()
    return replies


def _request(plan: Plan, extra: Headers) -> bytes:
    body = plan.reply.request_body
    start = f"{plan.reply.method} {plan.target()} HTTP/1.1"
    framed = chunked(body, random.Random(plan.seed)) if plan.chunked_request else body
    return head(start, [*plan.request_headers(), *extra]) + framed


def _ends(reply: Message) -> bool:
    fields = {name.lower(): value.lower() for name, value in reply.headers}
    framed = "content-length" in fields or "transfer-encoding" in fields
    return not framed or fields.get("connection") == "close" or not reply.complete
