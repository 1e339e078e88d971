"""Replies as answers: framed for the client that asked, in time, and ended as they end."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tokentape.recorder.wire.answer import GROUP, Ending
from tokentape.recorder.wire.body import Body
from tokentape.recorder.wire.reply import Client, Reply, to_answer

EVENTS = [b"event: a\n\n", b"event: b\n\n"]


def reply(*, due: list[float] | None = None, ending: Ending = Ending.KEEP, **more: Any) -> Reply:
    """A stream of two events."""
    body = Body(data=list(EVENTS), due=due or [], ending=ending)
    return replace(Reply(status=200, headers=[("a", "1")], body=body, streamed=True), **more)


def head_of(reply: Reply, client: Client = Client()) -> list[bytes]:  # noqa: B008 - frozen
    return to_answer(reply, client).pieces[0].split(b"\r\n")[:-2]


def test_a_head_says_status_headers_and_framing() -> None:
    assert head_of(reply()) == [
        b"HTTP/1.1 200 OK",
        b"a: 1",
        b"transfer-encoding: chunked",
        b"connection: keep-alive",
    ]
    assert head_of(reply(status=529, streamed=False)) == [
        b"HTTP/1.1 529 Overloaded",
        b"a: 1",
        b"content-length: 20",
        b"connection: keep-alive",
    ]
    assert head_of(reply(status=299, reason="Fine"))[0] == b"HTTP/1.1 299 Fine"


def test_who_wants_the_connection_closed_gets_it_closed() -> None:
    answer = to_answer(reply(), Client(keep_alive=False))

    assert answer.ending == Ending.CLOSE
    assert b"connection: close" in answer.pieces[0]


@pytest.mark.parametrize("due", [None, [0.1, 0.2]])
def test_a_wrong_length_is_told_and_the_connection_cut(due: list[float] | None) -> None:
    answer = to_answer(reply(streamed=False, length_off=5, due=due), Client())

    assert b"content-length: 25\r\n" in answer.pieces[0]
    assert (b"".join(answer.pieces[1:]), answer.ending) == (b"".join(EVENTS), Ending.CUT)


def test_every_part_with_a_time_is_a_write_of_its_own() -> None:
    answer = to_answer(reply(streamed=False, due=[0.1, 0.2], head_due=0.05), Client())

    assert answer.separate
    assert (answer.pieces[1:], answer.due) == (EVENTS, [0.05, 0.1, 0.2])


def test_the_end_of_a_stream_goes_with_its_last_event() -> None:
    answer = to_answer(reply(due=[0.1, 0.2]), Client())

    assert answer.pieces[2] == b"a\r\nevent: b\n\n\r\n0\r\n\r\n"
    assert answer.due == [0.0, 0.1, 0.2]


def test_a_cut_waits_for_its_time() -> None:
    late = to_answer(reply(due=[0.1, 0.2], ending=Ending.CUT, end_due=9.0), Client())
    at_once = to_answer(reply(ending=Ending.CUT, end_due=9.0), Client())
    whole = to_answer(reply(due=[0.1, 0.2], end_due=9.0), Client())

    assert (late.pieces[-1], late.due) == (b"", [0.0, 0.1, 0.2, 9.0])
    assert at_once.due == [0.0, 0.0, 0.0, 9.0]
    assert whole.due == [0.0, 0.1, 0.2]


def test_a_large_body_is_written_in_groups() -> None:
    body = Body(data=[b"x" * (2 * GROUP + 1)], due=[])
    answer = to_answer(reply(streamed=False, body=body), Client())

    assert [len(piece) for piece in answer.pieces[1:]] == [GROUP, GROUP, 1]


def test_only_so_many_bytes_are_sent() -> None:
    answer = to_answer(reply(ending=Ending.RESET, most=10), Client())

    assert (b"".join(answer.pieces), answer.ending) == (b"HTTP/1.1 2", Ending.RESET)


def test_a_stream_that_hangs_has_pings_that_fit_its_framing() -> None:
    hung = reply(ending=Ending.HANG, ping_seconds=5.0)

    ping = b'24\r\nevent: ping\ndata: {"type": "ping"}\n\n\r\n'
    assert to_answer(hung, Client()).ping == ping
    assert to_answer(hung, Client(modern=False)).ping == b""


def test_a_header_beyond_latin_1_does_not_break_the_head() -> None:
    assert head_of(reply(headers=[("a", "→é")]))[1] == "a: ?é".encode("latin-1")
