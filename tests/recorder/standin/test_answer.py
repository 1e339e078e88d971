"""Answers: when events are due, and what faults leave of them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.recorder.standin.asking import settings

from tokentape.recorder.standin.answer import Answer, break_connection, timed, with_fault
from tokentape.recorder.standin.faults import Fault, read_faults
from tokentape.recorder.standin.render import Events
from tokentape.recorder.standin.totals import Tally
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import PING, Body

TALLY = Tally(endpoint="/v1/messages", status=200)


def heard(*tokens: int) -> Events:
    """Events `e0`, `e1`, ... after which so many tokens have been said."""
    events = Events()
    for number, count in enumerate(tokens):
        events.add(b"e%d" % number, count)
    return events


def fault(spec: str) -> Fault:
    """One fault."""
    [read] = read_faults(spec)
    return read


def faulty(spec: str, body: Body | None = None, **behaviour: Any) -> Body:
    """Five events with a fault."""
    body = body or Body(data=[b"e0", b"e1", b"e2", b"e3", b"e4"], due=[])
    return with_fault(body, fault(spec), "req_1", settings(**behaviour))


def test_without_times_everything_is_due_at_once() -> None:
    assert timed(heard(0, 4, 8), settings()) == Body(data=[b"e0", b"e1", b"e2"], due=[])


def test_the_first_token_waits_and_the_others_follow_at_the_rate() -> None:
    body = timed(heard(0, 0, 4, 8, 8), settings(head_seconds=0.5, ttft=2, tokens_per_second=8))

    assert body.due == [0.5, 0.5, 2.0, 2.5, 2.5]


def test_a_stream_that_says_nothing_is_not_delayed_beyond_its_head() -> None:
    assert timed(heard(0, 0), settings(head_seconds=1, ttft=2, pings=False)).due == [1.0, 1.0]


def test_pings_come_while_a_stream_waits() -> None:
    body = timed(heard(0, 4), settings(head_seconds=1, ttft=7, ping_seconds=2))

    assert body.data == [b"e0", PING, PING, PING, b"e1"]
    assert body.due == [1.0, 3.0, 5.0, 7.0, 7.0]
    assert timed(heard(0, 4), settings(ttft=7, ping_seconds=2, pings=False)).due == [0.0, 7.0]


def test_an_error_event_ends_the_stream_properly() -> None:
    body = faulty("error_event:after=2")

    error = (
        b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'
    )
    assert body.data == [b"e0", b"e1", b"event: error\ndata: " + error + b"\n\n"]
    assert (body.ending, body.error) == (Ending.KEEP, "overloaded_error")


@pytest.mark.parametrize(
    ("spec", "left", "part", "ending"),
    [
        ("cut:after=3", [b"e0", b"e1", b"e2"], b"", Ending.CUT),
        ("cut:after=0", [], b"", Ending.CUT),
        ("cut:after=99", [b"e0", b"e1", b"e2", b"e3", b"e4"], b"", Ending.CUT),
        ("cut:after=1,inside=1", [b"e0"], b"e", Ending.CUT),
        ("cut:after=1,reset=1", [b"e0"], b"", Ending.RESET),
        ("stall:after=2", [b"e0", b"e1"], b"", Ending.HANG),
        ("no_message_stop", [b"e0", b"e1", b"e2", b"e3"], b"", Ending.KEEP),
    ],
)
def test_faults_shorten_a_stream(spec: str, left: list[bytes], part: bytes, ending: Ending) -> None:
    body = faulty(spec)

    assert (body.data, body.part, body.ending) == (left, part, ending)


def test_shortened_streams_keep_their_times() -> None:
    body = Body(data=[b"e0", b"e1", b"e2"], due=[0.0, 1.0, 2.0])

    assert faulty("cut:after=2", body).due == [0.0, 1.0]
    assert faulty("error_event:after=1", body).due == [0.0, 1.0]


def test_a_stall_that_ends_sends_pings_and_then_the_rest() -> None:
    body = Body(data=[b"e0", b"e1", b"e2"], due=[0.0, 1.0, 2.0])
    stalled = faulty("stall:after=2,seconds=7", body, ping_seconds=3)

    assert stalled.data == [b"e0", b"e1", PING, PING, b"e2"]
    assert stalled.due == [0.0, 1.0, 4.0, 7.0, 9.0]


def test_a_malformed_event_is_no_json() -> None:
    body = Body(data=[b'data: {"type":"a"}', b'data: {"type":"b"}'], due=[])

    assert faulty("malformed:after=1", body).data == [b'data: {"type":"a"}', b'data: {"type:"b"}']


@pytest.mark.parametrize(
    ("spec", "left", "ending"),
    [
        ("hang_up", b"", Ending.CUT),
        ("hang_up:reset=1", b"", Ending.RESET),
        ("cut:byte=4", b"head", Ending.CUT),
        ("cut:byte=6,reset=1", b"headbo", Ending.RESET),
        ("api_error", b"headbody", Ending.KEEP),
    ],
)
def test_connections_break_where_they_are_told(spec: str, left: bytes, ending: Ending) -> None:
    answer = Answer(pieces=[b"head", b"body"], tally=TALLY)

    break_connection(answer, fault(spec))

    assert (b"".join(answer.pieces), answer.ending) == (left, ending)
