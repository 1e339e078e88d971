"""Recorded responses as replies: the same head, body and pace, and no clock anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.cassette.interaction import Arrival, Response, Timing
from tokentape.recorder.cassette.interaction import Ending as Recorded
from tokentape.recorder.replay.answers import LEAVING_SECONDS, answer_for, reply_for
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.reply import Client

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Headers

STREAM = (("content-type", "text/event-stream; charset=utf-8"),)
EVENTS = [b"event: a\ndata: 1\n\n", b"event: b\r\ndata: 2\r\n\r\n", b"event: c\ndata: 3\n\n"]
BODY = b"".join(EVENTS)


def streamed(**more: object) -> Response:
    return Response(**{"status": 200, "headers": STREAM, "body": BODY, **more})  # type: ignore[arg-type]


def timing(headers: float, *arrivals: tuple[float, int], ended: float = 0.0) -> Timing:
    return Timing(headers=headers, arrivals=tuple(Arrival(at, size) for at, size in arrivals), ended=ended)


def test_a_whole_body_goes_under_its_own_length() -> None:
    response = Response(
        status=404,
        reason="Nope",
        headers=(("request-id", "req_1"), ("X-Should-Retry", "false"), ("date", "Tue")),
        body=b'{"a":1}',
    )
    answer = answer_for(response)

    assert b"".join(answer.pieces) == (
        b"HTTP/1.1 404 Nope\r\nrequest-id: req_1\r\nX-Should-Retry: false\r\ndate: Tue\r\n"
        b'content-length: 7\r\nconnection: keep-alive\r\n\r\n{"a":1}'
    )
    assert (answer.due, answer.ending) == ([], Ending.KEEP)


def test_headers_of_the_recorded_connection_are_said_anew() -> None:
    response = Response(
        status=200,
        headers=(
            ("Content-Encoding", "gzip"),
            ("Content-Length", "999"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("a", "1"),
            ("a", "2"),
        ),
        body=b"x",
    )

    assert reply_for(response).headers == [("a", "1"), ("a", "2")]


def test_a_header_that_would_break_the_head_is_made_harmless() -> None:
    response = Response(status=200, reason="O\r\nK", headers=(("a", "1\r\n\r\nevil"),), body=b"")
    head = answer_for(response).pieces[0]

    assert head.count(b"\r\n") == 5
    assert b"a: 1    evil" in head


def test_a_stream_is_sent_event_by_event() -> None:
    answer = answer_for(streamed())

    assert answer.separate
    assert answer.due == []
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in EVENTS]
    assert answer.pieces[1:] == [*chunks[:-1], chunks[-1] + b"0\r\n\r\n"]
    assert b"transfer-encoding: chunked" in answer.pieces[0]


def test_a_client_of_http_1_0_gets_a_stream_that_ends_with_the_connection() -> None:
    answer = answer_for(streamed(), client=Client(modern=False))

    assert answer.pieces[1:] == EVENTS
    assert answer.ending == Ending.CLOSE
    assert b"connection: close" in answer.pieces[0]
    assert b"transfer-encoding" not in answer.pieces[0]


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_a_reply_without_a_body_is_its_head(method: bytes, status: int) -> None:
    answer = answer_for(Response(status=status, body=b"abc"), client=Client(method=method))

    assert len(answer.pieces) == 1
    assert (b"content-length: 3" in answer.pieces[0]) is (method == b"HEAD")


def test_events_are_due_when_they_came() -> None:
    first, second, third = map(len, EVENTS)
    recorded = timing(0.5, (0.75, first + 4), (1.0, second - 4 + third))
    reply = reply_for(streamed(timing=recorded), speed=1)

    assert reply.body.data == [EVENTS[0], EVENTS[1][:4], EVENTS[1][4:], EVENTS[2]]
    assert (reply.head_due, reply.body.due) == (0.5, [0.75, 0.75, 1.0, 1.0])
    assert answer_for(streamed(timing=recorded), speed=1).due == [0.5, 0.75, 0.75, 1.0, 1.0]


def test_the_speed_divides_every_time() -> None:
    recorded = timing(0.5, (0.75, 8), (1.0, len(BODY) - 8))

    assert answer_for(streamed(timing=recorded), speed=2).due == [0.25, 0.375, 0.5, 0.5, 0.5]


def test_without_a_speed_or_without_times_all_is_due_at_once() -> None:
    recorded = timing(0.5, (0.75, 8), (1.0, len(BODY) - 8))

    assert reply_for(streamed(timing=recorded)) == reply_for(streamed()) == reply_for(streamed(), speed=1)
    assert reply_for(streamed()).body.data == EVENTS


def test_a_whole_body_comes_in_the_pieces_in_which_it_came() -> None:
    response = Response(status=200, body=b"abcdef", timing=timing(0.1, (0.1, 2), (0.3, 4)))
    answer = answer_for(response, speed=1)

    assert (answer.pieces[1:], answer.due) == ([b"ab", b"cdef"], [0.1, 0.1, 0.3])
    assert b"content-length: 6" in answer.pieces[0]


def test_a_body_that_was_edited_keeps_all_its_bytes() -> None:
    longer = Response(status=200, body=b"abcdef", timing=timing(0.1, (0.2, 2)))
    shorter = Response(status=200, body=b"a", timing=timing(0.1, (0.2, 2), (0.4, 9)))

    assert reply_for(longer, speed=1).body.due == [0.2, 0.2]
    assert reply_for(shorter, speed=1).body.due == [0.2]


@given(
    st.binary(max_size=60),
    st.lists(st.tuples(st.floats(-1, 9), st.integers(-3, 20)), max_size=8),
    st.floats(-1, 9),
    st.sampled_from([(), STREAM]),
    st.sampled_from([0.0, 0.5, 1.0, 10.0]),
)
def test_whatever_the_times_say_the_bytes_are_the_body_and_time_goes_forward(
    body: bytes, arrivals: list[tuple[float, int]], first: float, headers: Headers, speed: float
) -> None:
    response = Response(status=200, headers=headers, body=body, timing=timing(first, *arrivals))
    reply = reply_for(response, speed=speed)
    answer = answer_for(response, speed=speed)

    assert b"".join(reply.body.data) == body
    assert all(reply.body.data)
    assert answer.due == sorted(answer.due)
    assert not answer.due or (answer.due[0] >= 0 and len(answer.due) == len(answer.pieces))


@pytest.mark.parametrize("ending", [Recorded.UPSTREAM_ABORT, Recorded.TIMEOUT])
def test_a_recording_that_was_cut_is_cut_where_and_when_it_was(ending: Recorded) -> None:
    body = EVENTS[0] + b"event: b\nda"
    response = streamed(body=body, ending=ending, timing=timing(0.1, (0.2, len(body)), ended=3.0))
    at_once, paced = answer_for(response), answer_for(response, speed=2)

    chunks = [b"12\r\n" + EVENTS[0] + b"\r\n", b"b\r\nevent: b\nda\r\n"]
    assert (at_once.pieces[1:], at_once.due, at_once.ending) == (chunks, [], Ending.CUT)
    assert (paced.pieces[1:], paced.due, paced.ending) == ([*chunks, b""], [0.05, 0.1, 0.1, 1.5], Ending.CUT)


def test_a_whole_body_that_was_cut_names_no_length() -> None:
    head = answer_for(Response(status=200, body=b'{"a', ending=Recorded.UPSTREAM_ABORT)).pieces[0]

    assert b"transfer-encoding: chunked" in head
    assert b"content-length" not in head


def test_a_client_that_left_is_waited_for() -> None:
    response = streamed(ending=Recorded.CLIENT_ABORT, timing=timing(0.1, (0.2, len(BODY)), ended=3.0))

    assert answer_for(response).due[-1] == pytest.approx(2.8 + LEAVING_SECONDS)
    assert answer_for(response).due[:-1] == [0.0] * 4
    assert answer_for(response, speed=2).due[-1] == pytest.approx(1.5 + 2.8 + LEAVING_SECONDS)
    assert answer_for(streamed(ending=Recorded.CLIENT_ABORT)).due[-1] == LEAVING_SECONDS


def test_the_same_recording_gives_the_same_bytes() -> None:
    recorded = timing(0.5, (0.75, 8), (1.0, len(BODY) - 8))

    assert answer_for(streamed(timing=recorded), speed=1) == answer_for(streamed(timing=recorded), speed=1)
