"""Faults over recordings: what they spoil is what the next attempt gets, and the session goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from tests.recorder.replay.conversation import TURNS, requests, tape
from tests.recorder.replay.plain import desk
from tests.recorder.replay.test_desk import answered, asked
from tests.support.loop import on_loop
from tests.support.raw_http import Peer

from tokentape.recorder.faults.book import Book
from tokentape.recorder.faults.spec import read_faults
from tokentape.recorder.replay.desk import Desk
from tokentape.recorder.replay.server import ReplayServer, replaying

if TYPE_CHECKING:
    from collections.abc import Iterator


def struck(*specs: str) -> Desk:
    """The tool loop with faults."""
    return Desk(desk(loop=tape()).shelf, book=Book(read_faults(specs)))


def loop(client: anthropic.Anthropic) -> Iterator[Any]:
    """The stop reasons of the loop, turn by turn."""
    for body in requests():
        asked: Any = {name: value for name, value in body.items() if name != "stream"}
        with client.messages.stream(**asked) as stream:
            yield stream.get_final_message().stop_reason


@pytest.mark.parametrize(
    "spec",
    [
        "overloaded:nth=2,retry_after_ms=1",
        "rate_limited:nth=3,retry_after_ms=1",
        "hang_up:nth=1",
        "refused:nth=1",
        "cut:byte=0,nth=4",
    ],
)
def test_what_the_sdk_tries_again_is_answered_as_recorded(spec: str) -> None:
    with (
        replaying(struck(spec)) as server,
        anthropic.Anthropic(base_url=server.url, api_key="sk-ant-none") as client,
    ):
        assert list(loop(client)) == ["tool_use"] * (TURNS - 1) + ["end_turn"]

    assert "miss" not in server.desk.shelf.totals.verdicts


def test_a_stream_that_broke_off_can_be_asked_for_again() -> None:
    with (
        replaying(struck("cut:after=2,times=1")) as server,
        anthropic.Anthropic(base_url=server.url, api_key="sk-ant-none") as client,
    ):
        with pytest.raises(Exception, match=r"incomplete chunked read|peer closed"):
            next(loop(client))
        assert list(loop(client)) == ["tool_use"] * (TURNS - 1) + ["end_turn"]

    assert "miss" not in server.desk.shelf.totals.verdicts


@on_loop
async def test_a_connection_is_refused_before_a_request_is_read() -> None:
    async with ReplayServer(struck("refused:times=1")) as server:
        refused = await Peer.connect(server.port)
        await refused.until_closed()
        assert refused.received == b""
        refused.close()

        peer = await Peer.connect(server.port)
        peer.send(b"GET /.tokentape/healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        reply = await peer.message(method=b"GET")
        assert reply is not None
        assert reply.status == 200
        peer.close()


def test_a_reset_begins_anew_with_faults_too() -> None:
    desk = struck("overloaded:times=1")
    statuses: list[int] = []
    for _ in range(2):
        statuses += [answered(desk, asked(requests()[0]))[0] for _ in range(2)]
        desk.answer(asked({}, b"/.tokentape/replay/reset"))

    assert statuses == [529, 200, 529, 200]
