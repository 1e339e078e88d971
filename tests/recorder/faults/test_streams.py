"""What happens to a reply on its way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.faults.recorded import EVENTS, sent, stream, whole

from tokentape.recorder.faults.apply import struck
from tokentape.recorder.faults.message import data_of
from tokentape.recorder.faults.spec import read_fault
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import PING
from tokentape.recorder.wire.reply import Client, Reply, to_answer

E5 = (b"e0\n\n", b"e1\n\n", b"e2\n\n", b"e3\n\n", b"event: message_stop\n\n")


def by(spec: str, reply: Reply) -> Reply:
    """A reply struck by the fault of a spec."""
    return struck(reply, read_fault(spec))


def test_an_error_event_ends_the_stream_properly() -> None:
    body = by("error_event:after=2", stream(*E5)).body

    error = (
        b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'
    )
    assert body.data == [b"e0\n\n", b"e1\n\n", b"event: error\ndata: " + error + b"\n\n"]
    assert (body.ending, body.error) == (Ending.KEEP, "overloaded_error")


@pytest.mark.parametrize(
    ("spec", "left", "part", "ending"),
    [
        ("cut:after=3", 3, b"", Ending.CUT),
        ("cut:after=0", 0, b"", Ending.CUT),
        ("cut:after=99", 5, b"", Ending.CUT),
        ("cut", 1, b"", Ending.CUT),
        ("cut:after=1,inside=1", 1, b"e1", Ending.CUT),
        ("cut:after=1,reset=1", 1, b"", Ending.RESET),
        ("stall:after=2", 2, b"", Ending.HANG),
        ("no_message_stop", 4, b"", Ending.KEEP),
    ],
)
def test_faults_shorten_a_stream(spec: str, left: int, part: bytes, ending: Ending) -> None:
    body = by(spec, stream(*E5)).body

    assert (body.data, body.part, body.ending) == (list(E5[:left]), part, ending)


def test_shortened_streams_keep_their_times() -> None:
    timed = stream(*E5[:3], due=[0.0, 1.0, 2.0])

    assert by("cut:after=2", timed).body.due == [0.0, 1.0]
    assert by("error_event:after=1", timed).body.due == [0.0, 1.0]
    assert by("error_event:after=9", timed).body.due == [0.0, 1.0, 2.0, 2.0]


def test_a_stall_that_ends_sends_pings_and_then_the_rest() -> None:
    stalled = by("stall:after=2,seconds=7,every=3", stream(*E5[:3], due=[0.0, 1.0, 2.0]))

    assert stalled.body.data == [*E5[:2], PING, PING, E5[2]]
    assert stalled.body.due == [0.0, 1.0, 4.0, 7.0, 9.0]
    assert by("stall:after=1,seconds=7,every=0", stream(*E5[:2])).body.due == [0.0, 7.0]


def test_a_stall_for_ever_pings_as_often_as_it_says() -> None:
    assert by("stall", stream(*E5)).ping_seconds == 10
    assert by("stall:every=0.5", stream(*E5)).ping_seconds == 0.5
    assert by("stall:every=0", stream(*E5)).ping_seconds == 0


def test_slow_replies_keep_their_gaps() -> None:
    timed = stream(*E5[:3], due=[1.0, 1.5, 2.0], head_due=0.5)

    late = by("slow_headers:seconds=2", timed)
    first = by("slow_first_event:seconds=2", timed)

    assert (late.head_due, late.body.due) == (2.5, [3.0, 3.5, 4.0])
    assert (first.head_due, first.body.due) == (0.5, [3.0, 3.5, 4.0])


def test_slow_replies_without_times_come_late_as_a_whole() -> None:
    assert to_answer(by("slow_headers:seconds=2", stream(*E5[:2])), Client()).due == [2.0] * 3
    assert to_answer(by("slow_first_event:seconds=2", stream(*E5[:2])), Client()).due == [0.0, 2.0, 2.0]
    assert to_answer(by("slow_headers:seconds=2", whole()), Client()).due == [2.0, 2.0]
    assert by("slow_first_event", whole()) == whole()


def test_a_malformed_event_is_no_json_and_no_ping() -> None:
    broken = by("malformed:after=2", stream()).body.data

    assert broken[:3] == list(EVENTS[:3])
    assert broken[3].startswith(b'event: content_block_delta\ndata: {"type:"content')
    assert data_of(broken[3]) == {}
    assert broken[4:] == list(EVENTS[4:])


def test_a_malformed_event_behind_the_last_is_the_last() -> None:
    assert by("malformed:after=99", stream()).body.data[:-1] == list(EVENTS[:-1])
    assert data_of(by("malformed:after=99", stream()).body.data[-1]) == {}


def test_a_whole_body_is_cut_in_the_middle_under_its_own_length() -> None:
    data = whole().body.data[0]

    for spec, ending in (("cut", Ending.CUT), ("cut:reset=1", Ending.RESET), ("stall", Ending.HANG)):
        cut = by(spec, whole())
        assert (cut.body.data, cut.body.ending) == ([data[: len(data) // 2]], ending)
        assert b"content-length: %d\r\n" % len(data) in sent(cut)


def test_a_whole_body_that_stalls_for_a_time_comes_in_two_halves() -> None:
    stalled = by("stall:seconds=3", whole(head_due=1.0))

    assert b"".join(stalled.body.data) == whole().body.data[0]
    assert stalled.body.due == [1.0, 4.0]


def test_half_of_a_malformed_body_comes_as_if_it_were_all() -> None:
    half = by("malformed", whole())

    assert half.body.ending == Ending.KEEP
    with pytest.raises(json.JSONDecodeError):
        json.loads(half.body.data[0])
    assert b"content-length: %d\r\n" % len(half.body.data[0]) in sent(half)


@pytest.mark.parametrize("number", [-7, 0, 5])
def test_a_wrong_length_is_wrong_by_so_much(number: int) -> None:
    for reply in (whole(), stream(*E5)):
        size = sum(map(len, reply.body.data))
        wrong = sent(by(f"wrong_length:by={number}", reply))

        assert b"content-length: %d\r\n" % (size + number) in wrong
        assert wrong.endswith(b"".join(reply.body.data))


@given(st.integers(0, 4000))
def test_a_cut_at_a_byte_leaves_so_many(size: int) -> None:
    """And never the last chunk of a stream, so that it is always seen to be cut."""
    for reply in (stream(), whole()):
        cut = by(f"cut:byte={size},reset=1", reply)

        assert sent(cut) == sent(reply).removesuffix(b"0\r\n\r\n")[:size]
        assert cut.body.ending == Ending.RESET


@pytest.mark.parametrize(
    ("spec", "ending"),
    [("hang_up", Ending.CUT), ("hang_up:reset=1", Ending.RESET), ("refused", Ending.RESET)],
)
def test_of_a_reply_that_is_hung_up_on_nothing_comes(spec: str, ending: Ending) -> None:
    for reply in (stream(*E5), whole(), stream(*E5, due=[1.0] * 5)):
        answer = to_answer(by(spec, reply), Client())

        assert (answer.pieces, answer.due, answer.separate, answer.ending) == ([], [], False, ending)


def test_events_that_came_in_pieces_are_counted_as_events() -> None:
    pieces = stream(b"e", b"0\n\n", b"e1\n", b"\n", b"e2\n\n", due=[0.0, 1.0, 2.0, 3.0, 4.0])

    cut = by("cut:after=2", pieces)

    assert (cut.body.data, cut.body.due) == ([b"e0\n\n", b"e1\n\n"], [1.0, 3.0])


def test_an_empty_stream_can_be_struck() -> None:
    empty = stream(b"")
    for spec in (
        "cut:inside=1",
        "error_event",
        "malformed",
        "stall:seconds=1",
        "no_message_stop",
        "truncated",
    ):
        empty.body.data = []
        assert by(spec, empty).body.part == b""


def test_the_reply_itself_is_left_as_it_is() -> None:
    reply, same = (
        stream(due=[float(place) for place in range(len(EVENTS))]),
        stream(due=[float(place) for place in range(len(EVENTS))]),
    )

    for spec in (
        "cut",
        "stall:seconds=30",
        "malformed",
        "error_event",
        "truncated",
        "slow_headers",
        "hang_up",
    ):
        by(spec, reply)

    assert reply == same
