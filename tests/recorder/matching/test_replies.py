"""What recorded replies said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.matching.conversations import OVERLOADED, message, streamed

from tokentape.recorder.cassette.interaction import Response
from tokentape.recorder.matching.replies import content_of

TEXT = {"type": "text", "text": "It is blue."}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "sky", "times": 2}}


def of_events(*events: dict[str, Any]) -> list[Any] | None:
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return content_of(Response(status=200, body=body.encode()))


def test_a_stream_says_what_the_whole_reply_says() -> None:
    assert content_of(streamed([TEXT, CALL])) == content_of(message([TEXT, CALL])) == [TEXT, CALL]


def test_a_tool_called_without_input_has_the_input_that_its_block_began_with() -> None:
    """The API sends one empty piece for it."""
    begun: dict[str, Any] = CALL | {"input": {}}
    events: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": begun},
        {"type": "content_block_delta", "index": 0, "delta": {"partial_json": ""}},
    )
    assert of_events(*events) == [begun]


def test_a_stream_that_was_cut_says_what_had_come() -> None:
    whole = streamed([TEXT, CALL]).body
    begun = TEXT | {"text": ""}
    for end in range(whole.index(b"content_block_delta"), len(whole)):
        content = content_of(Response(status=200, headers=EVENT_STREAM, body=whole[:end]))
        assert content is not None
        assert content[0] in (begun, TEXT)


EVENT_STREAM = (("content-type", "text/event-stream"),)


@pytest.mark.parametrize(
    "response",
    [
        OVERLOADED,
        Response(status=200),
        Response(status=200, body=b'{"content": "text"}'),
        Response(status=200, headers=EVENT_STREAM, body=b"event: ping\ndata: {}\n\n"),
    ],
)
def test_what_is_no_message_says_nothing(response: Response) -> None:
    assert content_of(response) is None


@given(st.binary(), st.booleans())
def test_any_bytes_can_be_read(body: bytes, stream: bool) -> None:  # noqa: FBT001  # drawn
    content_of(Response(status=200, headers=EVENT_STREAM if stream else (), body=body))
