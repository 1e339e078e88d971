"""The file, as a reviewer sees it."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml
from tests.recorder.cassette.dialogue import dialogue, interaction
from tests.support.upstream import MODEL

from tokentape.recorder.cassette.interaction import Cassette, Ending, Interaction, Request, Response
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.store import Options, written

if TYPE_CHECKING:
    from collections.abc import Sequence

STREAM = """\
tokentape:
  recorder: tokentape
interactions:
- request:
    method: POST
    uri: https://api.anthropic.com/v1/messages
    headers:
      anthropic-version:
      - '2023-06-01'
      content-type:
      - application/json
    body: |-
      {
        "max_tokens": 100,
        "messages": [
          {
            "role": "user",
            "content": "Say \\u201chello\\u201d, please."
          }
        ],
        "model": "MODEL",
        "stream": true
      }
  response:
    status:
      code: 200
      message: OK
    headers:
      content-type:
      - text/event-stream; charset=utf-8
      request-id:
      - req_1
    body:
      string: |+
        event: message_start
"""

TIMES = """\
        event: message_stop
        data: {"type":"message_stop"}

    tokentape:
      recorded_at: '2025-11-22T14:52:24.123Z'
      headers_ms: 250
      gaps_ms: [50, 0, 0, 600, 0, 0]
      ended_ms: 10
version: 1
"""


def file(*interactions: Interaction, layout: Layout = Layout.READABLE) -> str:
    return written(Cassette(interactions=interactions), options=Options(layout=layout))[0]


def test_a_stream_is_lines_of_text_with_its_times_below() -> None:
    cassette = Cassette(interactions=(interaction(stream=True),), metadata={"recorder": "tokentape"})
    text, _ = written(cassette)
    assert text.startswith(STREAM.replace("MODEL", MODEL))
    assert text.endswith(TIMES)


def changed(before: Sequence[str], after: Sequence[str]) -> list[str]:
    return [line for line in difflib.ndiff(before, after) if line[:1] in "+-"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("layout", Layout)
def test_one_changed_word_of_a_prompt_is_one_changed_line(*, stream: bool, layout: Layout) -> None:
    before = file(interaction(stream=stream, question="Tell me all"), layout=layout)
    after = file(interaction(stream=stream, question="Tell me everything"), layout=layout)
    lines = changed(before.splitlines(), after.splitlines())
    assert lines == [
        '-             "content": "Tell me all"',
        '+             "content": "Tell me everything"',
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_one_changed_word_of_a_reply_is_one_changed_line(*, stream: bool) -> None:
    recorded = interaction(stream=stream)
    reply = recorded.response
    assert reply.body.count(b'"Hello"') == 1
    other = msgspec.structs.replace(
        recorded,
        response=msgspec.structs.replace(
            reply,
            body=reply.body.replace(b'"Hello"', b'"Good morning"'),
            timing=msgspec.structs.replace(reply.timing, arrivals=_longer(reply)) if reply.timing else None,
        ),
    )
    lines = changed(file(recorded).splitlines(), file(other).splitlines())
    assert len(lines) == 2
    assert ("Hello" in lines[0], "Good morning" in lines[1]) == (True, True)


def _longer(reply: Response) -> tuple[object, ...]:
    """The piece with the changed word is longer."""
    assert reply.timing is not None
    first, *others = reply.timing.arrivals
    more = len("Good morning") - len("Hello")
    return (msgspec.structs.replace(first, size=first.size + more), *others)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_file_is_plain_ascii_that_any_reader_reads(*, as_json: bool) -> None:
    text, _ = written(dialogue(), as_json=as_json)
    assert text.isascii()
    tree = json.loads(text) if as_json else yaml.safe_load(text)
    unary, stream = tree["interactions"]
    assert set(unary["request"]) == {"method", "uri", "headers", "body"}
    assert json.loads(unary["request"]["body"])["messages"][0]["content"] == "Say “hello”, please."
    assert stream["response"]["status"] == {"code": 200, "message": "OK"}
    assert tree["version"] == 1


def test_header_names_are_sorted_and_framing_is_left_out() -> None:
    headers = (("X-b", "1"), ("content-length", "7"), ("A", "2"), ("x-B", "3"), ("Content-Encoding", "gzip"))
    text = file(
        Interaction(
            request=Request(method="GET", uri="https://x/", headers=headers), response=Response(status=200)
        )
    )
    assert "    headers:\n      A:\n      - '2'\n      X-b:\n      - '1'\n      - '3'\n    body: ''\n" in text


def test_an_ending_is_written_where_the_reply_did_not_come_whole() -> None:
    recorded = interaction(stream=True)
    cut = msgspec.structs.replace(recorded.response, ending=Ending.UPSTREAM_ABORT)
    text = file(msgspec.structs.replace(recorded, response=cut))
    assert "      ending: upstream_abort\n" in text
    assert "ending" not in file(recorded)


def test_an_empty_cassette_is_a_cassette() -> None:
    assert file() == "interactions: []\nversion: 1\n"


def test_no_file_ends_in_an_empty_line_that_editors_take_off() -> None:
    bare = msgspec.structs.replace(interaction(stream=True), recorded_at=None)
    text = file(msgspec.structs.replace(bare, response=msgspec.structs.replace(bare.response, timing=None)))
    assert text.endswith('data: {"type":"message_stop"}\n\nversion: 1\n')
