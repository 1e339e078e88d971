"""Frames by a plain function call: what comes out is calls."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.frames import (
    Anchor,
    Ending,
    Flag,
    Frame,
    Hello,
    Kind,
    WorkerState,
    opened_payload,
    skimmed_payload,
)
from tokentape.proxy.messages.attempts import AttemptTracker
from tokentape.proxy.messages.call import Call, OpenCall, Outcome
from tokentape.proxy.observer.assembly import Assembler
from tokentape.proxy.observer.dispatch import Dispatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.pricing.bill import Bill

HELLO = Hello(
    worker="relay-0-1",
    engine="relay",
    pid=1,
    upstream="https://api.anthropic.com",
    anchor=Anchor(wall=1_000_000.0, monotonic=100.0),
)
REQUEST_HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nContent-Length: 2\r\n\r\n"
REQUEST_BODY = b'{"model":"claude-sonnet-4-20250514","max_tokens":9,"messages":[]}'
REPLY_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
REPLY_BODY = msgspec.json.encode(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-20250514",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 12, "output_tokens": 3},
    }
)


class Kept:
    """A sink of everything."""

    name = "kept"

    def __init__(self) -> None:
        self.started: list[OpenCall] = []
        self.calls: list[Call] = []
        self.frames: list[Frame] = []
        self.states: list[WorkerState] = []
        self.gone: list[str] = []
        self.latencies: list[tuple[str, float]] = []

    def opened(self, call: OpenCall) -> None:
        self.started.append(call)

    def closed(self, call: Call, bill: Bill | None) -> None:
        del bill
        self.calls.append(call)

    def frame(self, worker: Hello, frame: Frame) -> None:
        assert worker is not None
        self.frames.append(frame)

    def worker_state(self, worker: Hello, state: WorkerState) -> None:
        assert worker is not None
        self.states.append(state)

    def worker_gone(self, worker: Hello) -> None:
        self.gone.append(worker.worker)

    def added_latency(self, direction: str, seconds: float) -> None:
        self.latencies.append((direction, round(seconds, 6)))


def frame(
    kind: Kind, payload: bytes = b"", *, flags: int = 0, status: int = 0, number: int = 1, at: float = 100.0
) -> Frame:
    return Frame(int(kind), flags, status, number, at, at + 0.25, payload)


def assemble(frames: Sequence[Frame], kept: Kept | None = None) -> tuple[Kept, Assembler]:
    kept = kept or Kept()
    assembler = Assembler(Dispatch([kept], [kept], [kept]), salt=b"salt", attempts=AttemptTracker())
    assembler.frame(frame(Kind.HELLO, msgspec.json.encode(HELLO)))
    for one in frames:
        assembler.frame(one)
    return kept, assembler


def opened(body: bytes = REQUEST_BODY, *, flags: int = Flag.END, head: bytes = REQUEST_HEAD) -> Frame:
    return frame(Kind.OPENED, opened_payload(b"project=checkout", head, body), flags=flags)


def replied(body: bytes = REPLY_BODY, *, flags: int = Flag.LAST, head: bytes = REPLY_HEAD) -> Frame:
    return frame(Kind.RESPONSE_HEAD, head + body, flags=flags, at=101.0)


def test_two_frames_make_a_call() -> None:
    kept, assembler = assemble([opened(), replied()])
    (call,) = kept.calls
    assert (call.id, call.engine, call.outcome, call.status) == ("relay-0-1-1", "relay", Outcome.OK, 200)
    assert (call.model, call.project, call.stop_reason) == ("claude-sonnet-4", "checkout", "end_turn")
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (12, 3)
    assert (call.started_at, call.timings.duration, call.timings.headers) == (1_000_000.0, 1.0, 1.0)
    assert (assembler.closed, assembler.open) == (1, 0)


def test_a_sink_hears_of_a_call_once_its_request_is_complete() -> None:
    kept, _ = assemble([opened(REQUEST_BODY[:20], flags=0)])
    assert kept.started == []
    kept, _ = assemble(
        [opened(REQUEST_BODY[:20], flags=0), frame(Kind.REQUEST_BODY, REQUEST_BODY[20:], flags=Flag.END)]
    )
    assert [(call.model, call.project) for call in kept.started] == [("claude-sonnet-4", "checkout")]


def test_bodies_may_be_compressed_both_ways() -> None:
    head = REQUEST_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    reply = REPLY_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    kept, _ = assemble(
        [opened(gzip.compress(REQUEST_BODY), head=head), replied(gzip.compress(REPLY_BODY), head=reply)]
    )
    (call,) = kept.calls
    assert (call.request.max_tokens, call.stop_reason, call.parse_errors) == (9, "end_turn", ())


def test_a_body_that_does_not_decode_is_said_and_nothing_else_is_lost() -> None:
    reply = REPLY_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    kept, assembler = assemble([opened(), replied(b"this is not gzip", head=reply)])
    (call,) = kept.calls
    assert (call.usage, call.status, call.parse_errors) == (None, 200, ("decoding",))
    assert assembler.closed == 1


def test_a_request_that_does_not_decode_costs_nothing_of_the_reply() -> None:
    head = REQUEST_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    kept, _ = assemble([opened(b"this is not gzip", head=head), replied()])
    (call,) = kept.calls
    assert call.usage is not None
    assert (call.usage.output_tokens, call.stop_reason, call.parse_errors) == (3, "end_turn", ("decoding",))


def test_a_bomb_is_read_in_small_pieces() -> None:
    reply = REPLY_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    bomb = gzip.compress(bytes(128 * 1024 * 1024))
    tracemalloc.start()
    kept, _ = assemble([opened(), replied(bomb, head=reply)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.calls[0].parse_errors == ("reply_too_large",)
    assert peak < 80 * 1024 * 1024  # 32 MB is what a reply may have before it is let go of


@pytest.mark.parametrize(
    ("ending", "status", "outcome"),
    [
        (Ending.CLIENT_ABORT, 0, Outcome.CLIENT_ABORT),
        (Ending.UPSTREAM_ABORT, 502, Outcome.UPSTREAM_ABORT),
        (Ending.TIMEOUT, 504, Outcome.TIMEOUT),
        (Ending.PROXY_ERROR, 502, Outcome.PROXY_ERROR),
    ],
)
def test_endings_become_outcomes(ending: Ending, status: int, outcome: Outcome) -> None:
    kept, assembler = assemble([opened(), frame(Kind.CLOSED, b"why", flags=ending, status=status)])
    (call,) = kept.calls
    assert (call.outcome, call.status) == (outcome, status or None)
    assert assembler.closed == 1


def test_a_dropped_call_is_forgotten_without_a_trace_and_not_acknowledged() -> None:
    kept, assembler = assemble([opened(), frame(Kind.DROPPED)])
    assert kept.calls == []
    assert (assembler.closed, assembler.open) == (0, 0)


def test_of_a_skimmed_request_model_and_size_are_known_and_the_reply_is_read() -> None:
    start, end = b'{"max_tokens":9,"messages":[', b'],"model":"claude-opus-4-1","stream":true}'
    skimmed = frame(Kind.REQUEST_BODY, skimmed_payload(200_000, end), flags=Flag.END | Flag.SKIMMED)
    kept, _ = assemble([opened(start, flags=0), skimmed, replied()])
    (call,) = kept.calls
    assert (call.request.model, call.request.stream, call.request.body_bytes) == (
        "claude-opus-4-1",
        True,
        200_000,
    )
    assert (call.stop_reason, call.parse_errors) == ("end_turn", ("request_skimmed",))
    assert [started.model for started in kept.started] == ["claude-opus-4-1"]


def test_in_a_hurry_a_request_is_skimmed_and_its_reply_is_read() -> None:
    kept, _ = assemble([opened(flags=Flag.END | Flag.HURRY), replied()])
    (call,) = kept.calls
    assert (call.request.model, call.request.max_tokens) == ("claude-sonnet-4-20250514", None)
    assert (call.stop_reason, call.parse_errors) == ("end_turn", ("request_skimmed",))
    assert call.usage is not None
    assert call.usage.output_tokens == 3


def test_in_a_hurry_rate_limits_wait_for_the_next_reply() -> None:
    key = b"anthropic-ratelimit-requests-remaining: 9\r\n"
    subscription = b"anthropic-ratelimit-unified-5h-status: allowed\r\n"
    head = REPLY_HEAD[:-2] + key + subscription + b"\r\n"
    kept, _ = assemble([opened(), replied(head=head)])
    hurried, _ = assemble([opened(flags=Flag.END | Flag.HURRY), replied(head=head)])
    assert [limit.remaining for limit in kept.calls[0].rate_limits] == [9]
    assert (hurried.calls[0].rate_limits, hurried.calls[0].subscription) == ((), True)


def test_a_resumed_call_is_flagged() -> None:
    kept, _ = assemble(
        [
            opened(b"", flags=Flag.RESUMED | Flag.END),
            frame(Kind.RESPONSE_HEAD, REPLY_HEAD, flags=Flag.RESUMED, at=101.0),
            frame(Kind.RESPONSE_BODY, b"", flags=Flag.LAST, at=102.0),
        ]
    )
    (call,) = kept.calls
    assert call.resumed
    assert call.usage is None


def test_added_latency_leaves_out_new_connections_and_resumed_calls() -> None:
    kept, _ = assemble([opened(), replied()])
    assert kept.latencies == [("request", 0.25), ("response", 0.25)]
    kept, _ = assemble([opened(flags=Flag.END | Flag.FRESH_CONNECTION), replied()])
    assert kept.latencies == [("response", 0.25)]
    kept, _ = assemble([opened(flags=Flag.END | Flag.RESUMED)])
    assert kept.latencies == []


def test_a_lost_worker_ends_its_calls_and_its_gauges() -> None:
    kept, assembler = assemble([opened()])
    assembler.link_lost()
    assert [(call.outcome, call.status) for call in kept.calls] == [(Outcome.PROXY_ERROR, None)]
    assert (kept.gone, assembler.open) == (["relay-0-1"], 0)


def test_frames_reach_exchange_sinks_in_order_and_unchanged() -> None:
    frames = [opened(), replied(b"", flags=0), frame(Kind.RESPONSE_BODY, REPLY_BODY, flags=Flag.LAST)]
    kept, _ = assemble(frames)
    assert kept.frames == frames


def test_a_worker_state_reaches_its_sinks_and_moves_the_anchor() -> None:
    state = WorkerState(
        anchor=Anchor(wall=2_000_000.0, monotonic=100.0),
        inflight=1,
        oldest_inflight=2.0,
        loop_lag=0.0,
        resident_bytes=1,
        cpu_seconds=0.5,
        buffered_bytes=0,
        carried=7,
        unmetered={"buffer_full": 2},
    )
    kept, _ = assemble([frame(Kind.STATE, msgspec.json.encode(state), number=0), opened(), replied()])
    assert kept.states == [state]
    assert kept.calls[0].started_at == 2_000_000.0


def test_frames_before_a_hello_are_ignored() -> None:
    kept = Kept()
    assembler = Assembler(Dispatch([kept]), salt=b"", attempts=AttemptTracker())
    assembler.frame(opened())
    assert kept.started == []


class Broken(Kept):
    """A sink that always fails."""

    name = "broken"

    def opened(self, call: OpenCall) -> None:
        raise RuntimeError(call.id)

    def closed(self, call: Call, bill: Bill | None) -> None:
        del bill
        raise RuntimeError(call.id)


def test_a_sink_that_fails_is_counted_and_the_others_go_on() -> None:
    kept, broken = Kept(), Broken()
    dispatch = Dispatch([broken, kept])
    assembler = Assembler(dispatch, salt=b"", attempts=AttemptTracker())
    for one in (frame(Kind.HELLO, msgspec.json.encode(HELLO)), opened(), replied()):
        assembler.frame(one)
    assert len(kept.calls) == 1
    assert dispatch.errors == {"broken": 2}


@given(
    st.lists(
        st.builds(
            Frame,
            st.sampled_from([int(kind) for kind in Kind if kind not in {Kind.HELLO, Kind.STATE}]),
            st.integers(0, 15),
            st.integers(0, 600),
            st.integers(1, 3),
            st.floats(0, 1e6),
            st.floats(0, 1e6),
            st.one_of(
                st.binary(max_size=80),
                st.just(opened_payload(b"", REQUEST_HEAD, REQUEST_BODY)),
                st.just(REPLY_HEAD + REPLY_BODY),
            ),
        ),
        max_size=12,
    )
)
def test_no_order_of_frames_and_no_payload_raises(frames: list[Frame]) -> None:
    _, assembler = assemble(frames)
    assembler.link_lost()
    assert assembler.open == 0
