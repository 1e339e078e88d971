"""A server and a client over real sockets that carry out plans and see every byte.

Both sides are written from RFC 9112 with asyncio streams and share no code with the proxy.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from tests.support.plans import PLAN_HEADER, Headers, chunked, segments

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Generator, Iterable

    from tests.support.plans import Plan

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Message(msgspec.Struct, kw_only=True):
    """A request or response as one side received it."""

    start: str
    headers: Headers
    body: bytes
    complete: bool = True


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
    fields = {name.lower(): value for name, value in headers}
    body = bytearray()
    complete = True
    try:
        if fields.get("transfer-encoding") == "chunked":
            await _receive_chunks(reader, body)
        elif "content-length" in fields:
            await _receive_exactly(reader, int(fields["content-length"]), body)
        elif is_response:
            body += await reader.read()
    except asyncio.IncompleteReadError:
        complete = False
    return Message(start=start, headers=headers, body=bytes(body), complete=complete)


async def _receive_chunks(reader: asyncio.StreamReader, body: bytearray) -> None:
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        await _receive_exactly(reader, size, body)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass


async def _receive_exactly(reader: asyncio.StreamReader, size: int, body: bytearray) -> None:
    try:
        body += await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        body += error.partial
        raise


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
        start = head(f"HTTP/1.1 {plan.reply.status} Recorded", plan.response_headers())
        await send(writer, start + plan.framed_body(), random.Random(plan.seed))
        return plan.framing != "eof" and plan.cut is None


@contextmanager
def serving(server: Serve, context: ssl.SSLContext | None = None) -> Generator[str]:
    """The server's URL, while a thread of its own serves it on a free port of the loopback."""
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = []
    ready = threading.Event()

    async def serve() -> None:
        stop = asyncio.Event()
        listener = await asyncio.start_server(server, "127.0.0.1", 0, ssl=context)
        started.append((asyncio.get_running_loop(), stop, listener.sockets[0].getsockname()[1]))
        ready.set()
        await stop.wait()
        listener.close()  # `asyncio.run` then ends the connections that a proxy keeps

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    loop, stop, port = started[0]
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def fetch(port: int, plans: Iterable[Plan], extra: Callable[[Plan], Headers]) -> dict[str, Message]:
    """`fetch_by`, on connections to a port of the loopback."""
    return await fetch_by(lambda: asyncio.open_connection("127.0.0.1", port), plans, extra)


async def fetch_by(
    connect: Callable[[], Awaitable[Streams]], plans: Iterable[Plan], extra: Callable[[Plan], Headers]
) -> dict[str, Message]:
    """Carry out the plans one after another on as few connections as the replies allow.

    `extra` gives request headers to add. Raises `ConnectionError` where a reply never begins.
    """
    replies: dict[str, Message] = {}
    connection: Streams | None = None
    try:
        for plan in plans:
            if connection is None:
                connection = await connect()
            reader, writer = connection
            await send(writer, _request(plan, extra(plan)), random.Random(plan.seed))
            reply = await receive(reader, is_response=True)
            if reply is None:
                raise ConnectionError(f"no reply to {plan.key}")
            replies[plan.key] = reply
            if _ends(reply):
                _close(writer)
                connection = None
    finally:
        if connection:
            _close(connection[1])
    return replies


def _close(writer: asyncio.StreamWriter) -> None:
    """TLS would wait for the other side's last word, which a loop that ends does not hear."""
    writer.close()
    if writer.get_extra_info("ssl_object") is not None:
        writer.transport.abort()


def _request(plan: Plan, extra: Headers) -> bytes:
    body = plan.reply.request_body
    start = f"{plan.reply.method} {plan.target()} HTTP/1.1"
    framed = chunked(body, random.Random(plan.seed)) if plan.chunked_request else body
    return head(start, [*plan.request_headers(), *extra]) + framed


def _ends(reply: Message) -> bool:
    fields = {name.lower(): value.lower() for name, value in reply.headers}
    framed = "content-length" in fields or "transfer-encoding" in fields
    return not framed or fields.get("connection") == "close" or not reply.complete
