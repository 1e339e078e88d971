"""The real SDK, and curl, against the replay server."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, cast

import anthropic
import pytest
from tests.recorder.replay.conversation import TURNS, requests, tape
from tests.recorder.replay.plain import STREAM, WHOLE, desk, interaction, message, question

from tokentape.recorder.cassette.interaction import Ending
from tokentape.recorder.replay.server import ReplayServer, replaying

if TYPE_CHECKING:
    from collections.abc import Generator

    from anthropic.types import Message

    from tokentape.recorder.cassette.interaction import Interaction

API = "https://api.anthropic.com"
LOST = question("lost", stream=True)
MODEL = {
    "type": "model",
    "id": "claude-haiku-4-5",
    "display_name": "Haiku",
    "created_at": "2026-01-01T00:00:00Z",
}
BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "ended",
    "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": "2026-01-02T00:00:00Z",
    "ended_at": "2026-01-01T01:00:00Z",
    "results_url": f"{API}/v1/messages/batches/msgbatch_1/results",
}
RESULT = {"custom_id": "one", "result": {"type": "succeeded", "message": json.loads(message("done"))}}


def recorded() -> list[Interaction]:
    """One of each."""
    overloaded = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    return [
        *tape(),
        interaction(question("hello"), message("hi")),
        interaction(
            question("busy"),
            overloaded.encode(),
            status=529,
            headers=(*WHOLE, ("retry-after-ms", "1"), ("x-should-retry", "true")),
        ),
        interaction(question("busy"), message("at last")),
        interaction(
            None,
            json.dumps({"data": [MODEL], "has_more": False, "first_id": None, "last_id": None}).encode(),
            method="GET",
            uri=f"{API}/v1/models",
        ),
        interaction(
            None, json.dumps(BATCH).encode(), method="GET", uri=f"{API}/v1/messages/batches/msgbatch_1"
        ),
        interaction(
            None,
            json.dumps(RESULT).encode() + b"\n",
            method="GET",
            uri=f"{API}/v1/messages/batches/msgbatch_1/results",
            headers=(("content-type", "application/x-jsonl"),),
        ),
        interaction(
            LOST,
            tape()[0].response.body[:400],
            headers=STREAM,
            ending=Ending.UPSTREAM_ABORT,
        ),
    ]


@pytest.fixture
def server() -> Generator[ReplayServer]:
    with replaying(desk(day=recorded())) as running:
        yield running


@pytest.fixture
def client(server: ReplayServer) -> Generator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.url, api_key="sk-ant-none") as made:
        yield made


def ask(text: str) -> Any:
    return question(text)


def created(client: anthropic.Anthropic, text: str) -> Message:
    """The message of a call without a stream."""
    return cast("Message", client.messages.create(**ask(text)))


def verdicts(server: ReplayServer) -> dict[str, int]:
    return server.desk.shelf.totals.verdicts


def test_a_message_is_created(client: anthropic.Anthropic) -> None:
    reply = created(client, "hello")

    assert reply.content[0].to_dict() == {"type": "text", "text": "hi"}
    assert reply._request_id == "req_1"


def test_a_tool_loop_runs_over_streams(client: anthropic.Anthropic, server: ReplayServer) -> None:
    stops: list[Any] = []
    for body in requests():
        asked: Any = {name: value for name, value in body.items() if name != "stream"}
        with client.messages.stream(**asked) as stream:
            stops.append(stream.get_final_message().stop_reason)

    assert stops == ["tool_use"] * (TURNS - 1) + ["end_turn"]
    assert "miss" not in verdicts(server)


def test_parallel_loops_of_the_async_client_share_nothing(server: ReplayServer) -> None:
    async def loop(number: int) -> list[Any]:
        url = f"{server.url}/@session={number}"
        async with anthropic.AsyncAnthropic(base_url=url, api_key="sk-ant-none") as client:
            said: list[Any] = []
            for body in requests():
                asked: Any = {name: value for name, value in body.items() if name != "stream"}
                async with client.messages.stream(**asked) as stream:
                    said.append((await stream.get_final_message()).to_dict())
            return said

    async def all_loops() -> list[list[Any]]:
        return await asyncio.gather(*(loop(number) for number in range(8)))

    first, *others = asyncio.run(all_loops())
    assert others == [first] * 7
    assert sum(verdicts(server).values()) == 8 * TURNS
    assert "miss" not in verdicts(server)


def test_a_miss_is_raised_at_once_with_what_to_do(client: anthropic.Anthropic, server: ReplayServer) -> None:
    with pytest.raises(anthropic.UnprocessableEntityError) as caught:
        client.messages.create(**ask("something else"))

    assert "tokentape record" in caught.value.message
    assert verdicts(server) == {"miss": 1}


def test_a_miss_of_a_stream_is_raised_at_once(client: anthropic.Anthropic, server: ReplayServer) -> None:
    with (
        pytest.raises(anthropic.UnprocessableEntityError, match="tokentape record"),
        client.messages.stream(**ask("something else")) as stream,
    ):
        stream.get_final_message()

    assert verdicts(server) == {"miss": 1}


def test_a_recorded_overload_is_retried_as_it_was(client: anthropic.Anthropic, server: ReplayServer) -> None:
    assert created(client, "busy").content[0].to_dict()["text"] == "at last"
    assert sum(verdicts(server).values()) == 2


def test_a_stream_that_upstream_broke_off_breaks_off(client: anthropic.Anthropic) -> None:
    with (
        pytest.raises(Exception, match=r"incomplete chunked read|peer closed"),
        client.messages.stream(**ask("lost")) as stream,
    ):
        stream.get_final_message()


def test_models_are_listed(client: anthropic.Anthropic) -> None:
    assert [model.id for model in client.models.list()] == ["claude-haiku-4-5"]


def test_the_results_of_a_batch_are_read(client: anthropic.Anthropic, server: ReplayServer) -> None:
    """The SDK follows `results_url`, which was recorded as the API's own."""
    results = client.messages.batches.results("msgbatch_1")

    assert [(each.custom_id, each.result.type) for each in results] == [("one", "succeeded")]
    assert verdicts(server) == {"exact": 2}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_sees_what_was_recorded(server: ReplayServer) -> None:
    command = [
        "curl",
        "-sS",
        "-i",
        "--noproxy",
        "*",
        f"{server.url}/v1/messages",
        "-d",
        json.dumps(ask("hello")),
    ]
    head, _, body = subprocess.run(command, capture_output=True, check=True).stdout.partition(b"\r\n\r\n")

    assert head.splitlines() == [
        b"HTTP/1.1 200 OK",
        b"content-type: application/json",
        b"request-id: req_1",
        b"content-length: %d" % len(message("hi")),
        b"connection: keep-alive",
    ]
    assert body == message("hi")
