"""The replay server by itself: how late events are at speed 1, and calls a second at once.

    python -m tests.benchmarks.replay

The recorded stream has 100 events, 10 ms apart. The clock of each stream starts when its request is handed
to the transport, and an event's lateness is counted from there, so the client's own delay is in it. The
server has an event loop, and a thread, of its own; both share the processors with the client.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import msgspec
import uvloop
from tests.benchmarks.percentile import percentile

from tokentape.recorder.cassette.interaction import (
    Arrival,
    Cassette,
    Interaction,
    Request,
    Response,
    Timing,
)
from tokentape.recorder.replay.desk import Desk
from tokentape.recorder.replay.server import replaying
from tokentape.recorder.replay.sessions import shelf_of

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS: Final = 100
GAP: Final = 0.01
CALLS: Final = 200
"""Requests of one client that differ; each is recorded once."""
CLIENTS: Final = 16
_URI: Final = "https://api.anthropic.com/v1/messages"
_STREAM: Final = (("content-type", "text/event-stream; charset=utf-8"),)
_JSON: Final = (("content-type", "application/json"),)
_event: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","number":%d}\n\n'


def body(number: int, *, stream: bool = False) -> bytes:
    """A request of 4 KB."""
    return msgspec.json.encode(
        {
            "model": "claude-haiku-4-5",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": f"{number} " + "x" * 4000}],
            "stream": stream,
        }
    )


def paced_stream() -> Interaction:
    """A stream of a second."""
    events = [_event % number for number in range(EVENTS)]
    arrivals = tuple(Arrival(due(number), len(event)) for number, event in enumerate(events))
    return Interaction(
        request=Request(method="POST", uri=_URI, body=body(0, stream=True)),
        response=Response(
            status=200,
            headers=_STREAM,
            body=b"".join(events),
            timing=Timing(headers=GAP, arrivals=arrivals, ended=GAP * (EVENTS + 1)),
        ),
    )


def due(number: int) -> float:
    """When an event comes, in seconds from the request."""
    return GAP * (number + 1)


def small_calls() -> Iterator[Interaction]:
    """Calls with a reply of 1 KB."""
    reply = msgspec.json.encode({"type": "message", "content": [{"type": "text", "text": "y" * 900}]})
    for number in range(CALLS):
        request = Request(method="POST", uri=_URI, body=body(number))
        yield Interaction(request=request, response=Response(status=200, headers=_JSON, body=reply))


def request_bytes(session: int, content: bytes) -> bytes:
    """A request of one session."""
    head = b"POST /@session=%d/v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
    return head % (session, len(content)) + content


async def lateness(port: int, session: int) -> list[float]:
    """Seconds that each event of a stream came after its time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    writer.write(request_bytes(session, body(0, stream=True)))
    late: list[float] = []
    for number in range(EVENTS):
        await reader.readuntil(_event % number)
        late.append(time.perf_counter() - began - due(number))
    writer.close()
    return late


async def all_late(port: int, streams: int) -> list[float]:
    """The same of several streams, whose beginnings are spread over a tenth of a second."""

    async def later(number: int) -> list[float]:
        await asyncio.sleep(0.1 * number / streams)
        return await lateness(port, number)

    found = await asyncio.gather(*(later(number) for number in range(streams)))
    return [late for stream in found for late in stream]


async def calls(port: int, session: int) -> None:
    """One client, one call after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(CALLS):
        writer.write(request_bytes(session, body(number)))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def rate(port: int) -> float:
    """Calls a second of all clients."""
    began = time.perf_counter()
    await asyncio.gather(*(calls(port, number) for number in range(CLIENTS)))
    return CALLS * CLIENTS / (time.perf_counter() - began)


def served(interactions: tuple[Interaction, ...], speed: float) -> Desk:
    """A desk with one cassette."""
    return Desk(shelf_of({"tape": Cassette(interactions=interactions)}), speed=speed)


def main() -> None:
    """Measure, and print."""
    for streams in (1, 32):
        with replaying(served((paced_stream(),), 1.0)) as server:
            late = [1000 * each for each in uvloop.run(all_late(server.port, streams))]
        figures = ", ".join(f"p{part} {percentile(late, part):.2f}" for part in (50, 95, 99))
        print(
            f"{streams} streams of {EVENTS} events at speed 1: {figures} ms late, earliest {min(late):.2f} ms"
        )
    with replaying(served(tuple(small_calls()), 0.0)) as server:
        print(f"{CLIENTS} clients at once: {uvloop.run(rate(server.port)):,.0f} calls/s, 4 KB in, 1 KB out")


if __name__ == "__main__":
    main()
