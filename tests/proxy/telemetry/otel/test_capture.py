from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from tokentape.proxy.frames import Anchor, Flag, Frame, Hello, Kind, opened_payload, skimmed_payload
from tokentape.proxy.observer.decoding import decoder_for
from tokentape.proxy.telemetry.otel import capture
from tokentape.proxy.telemetry.otel.capture import Capture
from tokentape.proxy.telemetry.otel.exchanged import Exchanged
from tokentape.proxy.telemetry.otel.tally import Tally

if TYPE_CHECKING:
    from tokentape.proxy.observer.sinks import ExchangeSink

WORKER = Hello(
    worker="relay-0-1", engine="relay", pid=1, upstream="http://upstream", anchor=Anchor(wall=0, monotonic=0)
)
REQUEST, REPLY = json.dumps({"messages": []}).encode(), b'{"type": "message"}'
HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


def frame(kind: Kind, payload: bytes = b"", flags: int = 0, exchange: int = 1) -> Frame:
    return Frame(kind, flags, 200, exchange, 0.0, 0.0, payload)


def opened(head: bytes = HEAD, body: bytes = REQUEST, flags: int = Flag.END, exchange: int = 1) -> Frame:
    return frame(Kind.OPENED, opened_payload(b"", head, body), flags, exchange)


def answered(payload: bytes = ANSWER + REPLY, flags: int = Flag.LAST, exchange: int = 1) -> Frame:
    return frame(Kind.RESPONSE_HEAD, payload, flags, exchange)


class Fed:
    """A capture, and what it lost."""

    def __init__(self, most: int = capture.MAX_HELD) -> None:
        self.tally = Tally("content")
        self.capture = Capture(decoder_for, self.tally, most)

    def __call__(self, *frames: Frame) -> Exchanged | None:
        for each in frames:
            self.capture.frame(WORKER, each)
        return self.capture.take("relay-0-1-1")


def test_it_is_a_sink_of_exchanges() -> None:
    sink: ExchangeSink = Fed().capture
    assert sink.name == "content"


def test_both_bodies_are_there_once_under_the_calls_id() -> None:
    fed = Fed()
    whole = Exchanged(request=REQUEST, response=REPLY, stream=False)
    assert fed(opened(), answered()) == whole
    assert fed.capture.take("relay-0-1-1") is None
    assert fed.capture.held == 0


def test_bodies_come_in_pieces() -> None:
    frames = [
        opened(body=REQUEST[:3], flags=0),
        frame(Kind.REQUEST_BODY, REQUEST[3:], Flag.END),
        answered(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", 0),
        frame(Kind.RESPONSE_BODY, b"event: ping\n"),
        frame(Kind.RESPONSE_BODY, b"\n"),
        frame(Kind.CLOSED),
    ]
    assert Fed()(*frames) == Exchanged(request=REQUEST, response=b"event: ping\n\n", stream=True)


def test_compressed_bodies_are_undone() -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    got = Fed()(opened(head, gzip.compress(REQUEST)), answered(answer + gzip.compress(REPLY)))
    assert got == Exchanged(request=REQUEST, response=REPLY, stream=False)


@pytest.mark.parametrize(
    "start", [b"GET /v1/messages", b"POST /v1/models", b"POST /v1/messages/count_tokens"]
)
def test_only_messages_are_collected(start: bytes) -> None:
    fed = Fed()
    assert fed(opened(start + b" HTTP/1.1\r\n\r\n"), answered()) is None
    assert fed.capture.held == 0


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([opened(flags=Flag.RESUMED), answered()], None),
        ([opened(), frame(Kind.DROPPED)], None),
        (
            [opened(flags=0), frame(Kind.REQUEST_BODY, skimmed_payload(9, b"x"), Flag.END | Flag.SKIMMED)],
            "failed",
        ),
        ([opened(b"POST /v1/messages HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n", b"no gzip")], "failed"),
        ([opened(), answered(b"HTTP/1.1 200 OK\r\nContent-Encoding: zip\r\n\r\n")], "failed"),
        ([opened(), answered(ANSWER + b"x" * (capture.MAX_RESPONSE + 1))], "too_large"),
    ],
)
def test_what_was_not_seen_whole_has_no_content(frames: list[Frame], reason: str | None) -> None:
    fed = Fed()
    assert fed(*frames) is None
    assert dict(fed.tally.lost) == ({reason: 1} if reason else {})
    assert fed.capture.held == 0


def test_a_large_requests_media_become_marks() -> None:
    body = json.dumps({"data": "A" * 2_000_000, "text": "kept"}).encode()
    got = Fed()(opened(body=body), answered())
    assert got is not None
    read = json.loads(got.request)
    assert read["text"] == "kept"
    assert read["data"].startswith("elided:")


def test_memory_is_bounded_and_what_came_first_is_kept() -> None:
    fed = Fed(most=1000)
    for number in range(1, 20):
        fed.capture.frame(WORKER, opened(body=b"x" * 100, exchange=number))
    assert fed.capture.held <= 1000
    assert dict(fed.tally.lost) == {"queue_full": 9}
    for number in range(1, 20):
        fed.capture.frame(WORKER, answered(ANSWER, exchange=number))
        fed.capture.take(f"relay-0-1-{number}")
    assert fed.capture.held == 0


def test_calls_that_nobody_takes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "MAX_WAITING", 2)
    fed = Fed()
    for number in range(1, 6):
        fed.capture.frame(WORKER, opened(exchange=number))
        fed.capture.frame(WORKER, answered(exchange=number))
    kept = [number for number in range(1, 6) if fed.capture.take(f"relay-0-1-{number}")]
    assert (kept, fed.capture.held) == ([4, 5], 0)
