"""Answers: when events are due, and what faults leave of them."""

from __future__ import annotations

import gzip

from tests.recorder.standin.asking import settings

from tokentape.recorder.faults.spec import read_fault
from tokentape.recorder.standin.answer import coded, counted, faulty, timed, whole_answer
from tokentape.recorder.standin.render import Events
from tokentape.recorder.standin.totals import Tally
from tokentape.recorder.standin.turn import Usage
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import PING, Body
from tokentape.recorder.wire.reply import Reply


def heard(*tokens: int) -> Events:
    """Events `e0`, `e1`, ... after which so many tokens have been said."""
    events = Events()
    for number, count in enumerate(tokens):
        events.add(b"e%d" % number, count)
    return events


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


def test_a_stall_pings_as_the_behaviour_says() -> None:
    reply = Reply(
        status=200,
        headers=[("content-type", "text/event-stream")],
        body=Body(data=[b"e0\n\n", b"e1\n\n"], due=[0.0, 1.0]),
    )
    for spec, pings in (("stall:seconds=7", [3.0, 6.0]), ("stall:seconds=7,every=4", [4.0])):
        stalled = faulty(reply, read_fault(spec), settings(ping_seconds=3))

        assert stalled.body.due == [0.0, *pings, 8.0]


def test_a_body_is_cut_as_it_is_encoded_but_malformed_as_it_is_read() -> None:
    plain = Reply(status=200, headers=[], body=Body(data=[b"x" * 1000], due=[]))
    whole = coded(plain, None, "gzip", settings()).body.data[0]

    cut = coded(plain, read_fault("cut"), "gzip", settings())
    malformed = coded(plain, read_fault("malformed"), "gzip", settings())

    assert (cut.body.data, cut.body.ending) == ([whole[: len(whole) // 2]], Ending.CUT)
    assert gzip.decompress(malformed.body.data[0]) == b"x" * 500


def test_a_tally_is_of_what_was_said() -> None:
    usage = Usage(input_tokens=9, output_tokens=40, thinking_tokens=20)
    tally = Tally(endpoint="/v1/messages", status=200, usage=usage)
    said = b'{"type":"message","usage":{"input_tokens":9,"output_tokens":7}}'
    reply = Reply(status=200, headers=[], body=Body(data=[said], due=[]))

    assert counted(tally, reply, read_fault("cut")) == tally
    assert counted(tally, reply, read_fault("truncated")).usage == Usage(
        input_tokens=9, output_tokens=7, thinking_tokens=7
    )


def test_the_last_bytes_of_a_faulty_reply_are_where_the_fault_says() -> None:
    body = Body(data=[b"body"], due=[], ending=Ending.RESET)
    tally = Tally(endpoint="/v1/messages", status=200)

    answer = whole_answer(b"head", Reply(status=200, headers=[], body=body, most=6), tally)

    assert (b"".join(answer.pieces), answer.ending) == (b"headbo", Ending.RESET)
