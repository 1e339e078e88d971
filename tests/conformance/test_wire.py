"""The recordings server and its client, without a proxy between them, are faithful."""

from __future__ import annotations

import asyncio
import random
import zlib
from typing import TYPE_CHECKING

import brotli
import pytest
import zstandard
from tests.support.recordings import Interaction
from tests.support.wire import (
    CODINGS,
    Message,
    Plan,
    RecordingsServer,
    encoded,
    fetch,
    parts_of,
    plan,
    segments,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = b"".join(b'event: ping\ndata: {"type": "ping", "n": %d}\n\n' % n for n in range(30))
URL = "https://api.anthropic.com/v1/messages?beta=true"


def recorded(number: int, body: bytes) -> Interaction:
    return Interaction(
        file="made",
        index=number,
        method="POST",
        url=URL,
        request_headers=(("X-Api-Key", "none"), ("host", "api.anthropic.com")),
        request_body=b"{}" * number,
        status=200 + number,
        response_headers=(("Request-Id", f"req_{number}"), ("content-length", "7")),
        stored_body=body,
    )


PLANS = [
    plan(number, recorded(number, body), coding)
    for number, body in enumerate([EVENTS, b'{"id": "msg_1"}', b"", EVENTS * 20, b"0\r\n\r\n", b"{}"])
    for coding in CODINGS
]


def direct(plans: list[Plan]) -> tuple[dict[str, Message], RecordingsServer]:
    server = RecordingsServer(plans)
    with serving(server) as url:
        replies = asyncio.run(fetch(int(url.rpartition(":")[2]), plans, lambda _: [("x-extra", "1")]))
    return replies, server


def test_both_sides_receive_what_the_other_sent() -> None:
    assert {each.framing for each in PLANS} == {"length", "chunked", "eof"}
    replies, server = direct(PLANS)
    for each in PLANS:
        reply, request = replies[each.key], server.received[each.key]
        assert (reply.start, reply.headers) == (
            f"HTTP/1.1 {each.reply.status} Recorded",
            each.response_headers(),
        )
        assert (reply.body, reply.complete) == (each.body, True)
        assert request.start == "POST /v1/messages?beta=true HTTP/1.1"
        expected = [*each.request_headers(), ("x-extra", "1")]
        assert request.headers == expected
        assert request.body == each.reply.request_body


DECODERS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "identity": lambda: bytes,
    "gzip": lambda: zlib.decompressobj(wbits=31).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream_is_flushed_after_each_event(coding: str) -> None:
    events = parts_of(recorded(0, EVENTS))
    assert (len(events), b"".join(events)) == (30, EVENTS)
    decode = DECODERS[coding]()
    assert list(map(decode, encoded(events, coding)))[:30] == events


def test_segments_are_random_and_complete() -> None:
    for seed in range(50):
        parts = segments(EVENTS, random.Random(seed))
        assert b"".join(parts) == EVENTS
        assert all(parts)
    assert len(segments(EVENTS, random.Random(3))) > 1
    assert segments(b"", random.Random(1)) == []


def test_a_plan_is_the_same_in_every_run() -> None:
    again = plan(0, recorded(0, EVENTS), "gzip")
    assert again == PLANS[1]
    assert again.seed == zlib.crc32(b"made#0 gzip")
