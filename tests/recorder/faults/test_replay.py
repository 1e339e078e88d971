"""Faults over recordings, at the real replay server: an agent that tries again gets through its tape."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anthropic
import httpx2
import pytest
from tests.recorder.replay.conversation import requests, tape

from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.faults.book import Book
from tokentape.recorder.faults.chaos import read_chaos
from tokentape.recorder.faults.spec import read_faults
from tokentape.recorder.replay.desk import Desk
from tokentape.recorder.replay.server import ReplayServer, replaying
from tokentape.recorder.replay.sessions import Session, shelf_of

CALLS = [{name: value for name, value in body.items() if name != "stream"} for body in requests()]
BROKEN = (anthropic.APIError, httpx2.TransportError, ValueError)
"""What an agent tries again after; the last is of broken JSON."""


def desk(specs: str = "", *, chaos: str = "") -> Desk:
    """The tool loop, with faults."""
    book = Book(read_faults(specs), chaos=read_chaos(chaos, seed=7) if chaos else None)
    return Desk(shelf_of({"loop": Cassette(interactions=tuple(tape()))}), book=book)


def asked(client: anthropic.Anthropic, call: dict[str, Any]) -> dict[str, Any]:
    """The message that a stream brings."""
    with client.messages.stream(**call) as stream:
        return stream.get_final_message().to_dict()


def loop(server: ReplayServer, session: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What an agent got that asks until it is answered, and what went wrong on the way."""
    url = f"{server.url}/@session={session}"
    got: list[dict[str, Any]] = []
    wrong: list[str] = []
    with anthropic.Anthropic(base_url=url, api_key="sk-ant-test", max_retries=0) as client:
        while len(got) < len(CALLS) and len(wrong) < 100:
            try:
                got.append(asked(client, CALLS[len(got)]))
            except BROKEN as error:
                wrong.append(f"{len(got)}: {type(error).__name__}")
    return got, wrong


def session_of(server: ReplayServer) -> Session:
    [session] = server.desk.shelf.sessions()
    return session


@pytest.fixture(scope="module")
def undisturbed() -> list[dict[str, Any]]:
    with replaying(desk()) as server:
        got, wrong = loop(server, "a")
    assert (len(got), wrong) == (len(CALLS), [])
    return got


@pytest.mark.parametrize(
    ("specs", "wrong"),
    [
        ("overloaded:times=2", ["0: OverloadedError"] * 2),
        ("rate_limited:nth=2,times=2", ["1: RateLimitError"] * 2),
        ("hang_up:nth=3", ["2: APIConnectionError"]),
        ("refused:times=1", ["0: APIConnectionError"]),
        ("error_event:nth=2,after=2", ["1: APIStatusError"]),
        ("malformed:nth=4,after=1", ["3: JSONDecodeError"]),
        (
            "overloaded:times=1,each=request",
            [f"{number}: OverloadedError" for number in range(len(CALLS))],
        ),
        (
            "prompt_too_long:nth=1; too_large:nth=2; unauthorized:nth=3",
            ["0: BadRequestError", "0: ContentTooLargeError", "0: AuthenticationError"],
        ),
    ],
)
def test_an_agent_that_tries_again_gets_what_was_recorded(
    specs: str, wrong: list[str], undisturbed: list[dict[str, Any]]
) -> None:
    with replaying(desk(specs)) as server:
        assert loop(server, "a") == (undisturbed, wrong)

        assert session_of(server).unplayed() == ()
        assert session_of(server).verdicts == {"exact": len(CALLS)}


def test_a_stream_that_is_cut_twice_is_not_used_up(undisturbed: list[dict[str, Any]]) -> None:
    with replaying(desk("cut:nth=2,times=2,after=3,inside=1,reset=1")) as server:
        got, wrong = loop(server, "a")

        assert (got, len(wrong)) == (undisturbed, 2)
        assert session_of(server).verdicts == {"exact": len(CALLS)}


def test_an_agent_gets_through_chaos(undisturbed: list[dict[str, Any]]) -> None:
    with replaying(desk(chaos="50%")) as server:
        got, wrong = loop(server, "a")

        assert got == undisturbed
        assert wrong
        assert session_of(server).unplayed() == ()


def test_chaos_is_the_same_for_each_session_whoever_else_is_there() -> None:
    names = [f"agent-{number}" for number in range(8)]
    with replaying(desk(chaos="40%")) as server:
        alone = {name: loop(server, name) for name in names}
    with replaying(desk(chaos="40%")) as server, ThreadPoolExecutor(8) as pool:
        together = dict(zip(names, pool.map(partial(loop, server), names), strict=True))

    assert together == alone
    assert len({tuple(wrong) for _, wrong in alone.values()}) > 3


def test_a_reset_session_meets_its_faults_again() -> None:
    with replaying(desk("overloaded:times=1")) as server:
        first = loop(server, "a")
        httpx2.post(f"{server.url}/@session=a/.tokentape/replay/reset").raise_for_status()

        assert loop(server, "a") == first


def test_a_truncated_turn_is_one_of_the_recordings() -> None:
    with replaying(desk("truncated:nth=4,tokens=3")) as server:
        got, _ = loop(server, "a")

        assert (got[3]["stop_reason"], got[3]["usage"]["output_tokens"]) == ("max_tokens", 3)
        assert got[3]["content"] == [{"type": "text", "text": "All lo"}]
        assert session_of(server).unplayed() == ()


def test_a_tool_loop_goes_round_without_a_recording() -> None:
    with (
        replaying(desk("tool_loop:times=3")) as server,
        anthropic.Anthropic(base_url=f"{server.url}/@session=a", api_key="sk-ant-test") as client,
    ):
        said = [asked(client, CALLS[1])["content"][0] for _ in range(3)]

        assert [(block["name"], block["input"]) for block in said] == [("look", {"at": 0})] * 3
        assert session_of(server).verdicts == {}


def test_limits_go_with_recordings() -> None:
    with replaying(desk("limits:rpm=3,otpm=1000")) as server:
        got, wrong = loop(server, "a")

    assert (len(got), set(wrong)) == (3, {"3: RateLimitError"})
