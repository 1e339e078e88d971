"""The recordings server and its client, without a proxy between them, are faithful."""

from __future__ import annotations

import asyncio
import random
import zlib

import pytest
from tests.support.plans import (
    CODINGS,
    Plan,
    chunked,
    cut_plan,
    dechunked,
    decoder,
    encoded,
    parts_of,
    plan,
    segments,
)
from tests.support.recordings import Interaction
from tests.support.wire import Message, RecordingsServer, fetch, serving

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


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream_is_flushed_after_each_event(coding: str) -> None:
    events = parts_of(recorded(0, EVENTS))
    assert (len(events), b"".join(events)) == (30, EVENTS)
    decode = decoder(coding)
    assert list(map(decode, encoded(events, coding)))[:30] == events


def test_a_cut_reply_ends_before_its_end() -> None:
    plans = [cut_plan(number, recorded(0, EVENTS), coding) for coding in CODINGS for number in range(3)]
    replies, _ = direct(plans)
    for each in plans:
        reply = replies[each.key]
        assert (reply.complete, reply.body) == (False, each.sent_body())
        assert EVENTS.startswith(decoder(each.coding)(reply.body))
        assert len(reply.body) <= len(each.body)


def test_chunks_are_undone_as_far_as_they_go() -> None:
    framed = chunked(EVENTS, random.Random(5))
    payloads = [dechunked(framed[:size]) for size in range(len(framed) + 1)]
    assert payloads[-1] == EVENTS
    assert all(EVENTS.startswith(payload) for payload in payloads)
    assert sorted(payloads, key=len) == payloads


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
    assert again.seed == zlib.crc32(b"made#0 gzip 0")
