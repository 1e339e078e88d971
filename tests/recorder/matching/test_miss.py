"""A miss explains itself, and reaches the application at once."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anthropic
import pytest
from tests.recorder.matching.conversations import message, post

from tokentape.recorder.cassette.interaction import Interaction, Request
from tokentape.recorder.matching.difference import Comparison, Difference
from tokentape.recorder.matching.miss import STATUS, Miss, Nearest, Reason, answer_for
from tokentape.recorder.matching.player import Player

if TYPE_CHECKING:
    from collections.abc import Generator

    from tokentape.recorder.cassette.interaction import Response

HINT = "Record it: tokentape record sky.yaml -- python sky.py"
SKY = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
SUMMARY = "POST /v1/messages (claude-haiku-4-5, 1 message)"
SEA = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "Why is the sea wet?"}]}


def player(*requests: Request) -> Player:
    interactions = [Interaction(request=each, response=message("Because.")) for each in requests]
    return Player(interactions, name="sky.yaml", hint=HINT)


def missed(tape_of: Player, *requests: Request) -> Miss:
    tape = tape_of.open()
    played = [tape.play(request) for request in requests]
    assert played[-1].miss is not None
    return played[-1].miss


def test_what_differs_names_the_nearest_recording_and_the_difference() -> None:
    miss = missed(player(post(SEA), post(SKY)), post(SKY | {"max_tokens": 9}))
    assert str(miss).splitlines() == [
        f"No recording in sky.yaml matches {SUMMARY}.",
        f"The nearest is interaction 2, {SUMMARY} (not played yet). It differs at:",
        "  $.max_tokens: sent 9, and nothing was recorded there",
        HINT,
    ]
    assert miss.nearest is not None
    assert (miss.reason, miss.nearest.place, miss.nearest.plays) == (Reason.DIFFERENT, 1, 0)


def test_the_nearest_may_have_been_played() -> None:
    miss = missed(player(post(SEA), post(SKY)), post(SKY), post(SKY | {"max_tokens": 9}))
    assert "(already played 1 time)" in str(miss)


def test_what_is_used_up_says_so() -> None:
    poll = Request(method="GET", uri="https://api.anthropic.com/v1/messages/batches/b1")
    miss = missed(player(poll, poll), poll, poll, poll)
    first = "No recording is left for GET /v1/messages/batches/b1"
    held = "sky.yaml holds 2 recordings of it, all of them played."
    assert str(miss).splitlines() == [f"{first}: {held}", HINT]


def test_what_was_never_recorded_says_so() -> None:
    models = Request(method="GET", uri="http://127.0.0.1/v1/models?limit=3")
    held = "sky.yaml holds 1 interaction, and none of this endpoint."
    first = f"No recording answers GET /v1/models?limit=3: {held}"
    assert str(missed(player(post(SKY)), models)).splitlines() == [first, HINT]
    assert "the cassette holds nothing" in str(missed(Player([]), models))


def test_secrets_are_masked_everywhere() -> None:
    def mask(text: str) -> str:
        return text.replace("hunter2", "***")

    recorded = [Interaction(request=post(SKY), response=message("Because."))]
    masked = Player(recorded, mask=mask)
    miss = missed(masked, post(SKY | {"model": "hunter2", "system": "hunter2", "hunter2": "hunter2"}))
    assert "hunter2" not in str(miss)
    assert str(miss).count("***") >= 4


def test_more_differences_than_are_shown_are_counted() -> None:
    near = Nearest(place=0, summary="x", plays=2, comparison=Comparison((Difference("$.a", "1", "2"),), 3))
    miss = Miss(request="x", reason=Reason.DIFFERENT, recorded=1, nearest=near)
    assert str(miss).splitlines()[1:] == [
        "The nearest is interaction 1, x (already played 2 times). It differs at:",
        "  $.a: recorded 1, sent 2",
        "  and at 3 more places",
    ]


def test_the_answer_is_an_error_of_the_apis_shape() -> None:
    miss = missed(player(post(SKY)), post(SEA))
    answer = answer_for(miss)
    assert json.loads(answer.body) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": str(miss)},
    }
    assert answer.status == STATUS == 422
    assert answer.headers == (
        ("content-type", "application/json"),
        ("x-should-retry", "false"),
        ("x-tokentape-error", "miss"),
    )


@contextmanager
def answering(answer: Response, *, without: str = "") -> Generator[tuple[str, list[str]]]:
    """A server that gives one answer to all; its URL, and the requests that it saw."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(answer.status)
            for name, value in answer.headers:
                if name != without:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("without", ["", "x-should-retry"])
def test_the_sdk_raises_at_once_with_the_whole_text(without: str) -> None:
    """Also one that does not know the header: the status alone is not retried."""
    miss = missed(player(post(SKY)), post(SEA))
    with (
        answering(answer_for(miss), without=without) as (url, seen),
        anthropic.Anthropic(base_url=url, api_key="k", max_retries=2) as client,
        pytest.raises(anthropic.UnprocessableEntityError) as raised,
    ):
        client.messages.create(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": "Hello."}]
        )
    assert seen == ["/v1/messages"]
    assert raised.value.body == json.loads(answer_for(miss).body)
    assert HINT in str(raised.value)
