"""Attempts: what a fault sees of a request, and which requests it fits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.faults.recorded import QUESTION, attempt

from tokentape.recorder.faults.attempt import fits, last_tool_call, read_attempt
from tokentape.recorder.faults.spec import read_fault

CALLED: list[dict[str, Any]] = [
    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "search", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": ""}]},
]


def test_an_attempt_is_read_from_a_request() -> None:
    body = json.dumps({"model": "claude-opus-5", "stream": True, "messages": QUESTION}).encode()

    read = read_attempt("POST", "https://api.anthropic.com/v1/messages?beta=true", body, session="s")

    assert (read.endpoint, read.model, read.stream, read.session) == (
        "/v1/messages",
        "claude-opus-5",
        True,
        "s",
    )
    assert read_attempt("GET", "/v1/models/claude-opus-5", b"").endpoint == "/v1/models/{id}"


def test_equal_requests_have_equal_keys_and_others_have_others() -> None:
    assert attempt(1).key == attempt(1).key
    assert attempt(1).key != attempt(2).key
    assert read_attempt("POST", "/v1/messages", b"").key != read_attempt("POST", "/v1/models", b"").key


@pytest.mark.parametrize(
    ("spec", "fitting"),
    [
        ("overloaded", True),
        ("overloaded:model=claude-haiku-*", True),
        ("overloaded:model=claude-opus-*", False),
        ("overloaded:endpoint=messages", True),
        ("overloaded:endpoint=batches", False),
        ("overloaded:endpoint=/v1/mess*", True),
        ("overloaded:session=wor*", True),
        ("overloaded:session=home", False),
        ("refused", False),
        ("no_message_stop", False),
        ("truncated", True),
        ("tool_loop", False),
        ("tool_loop:tool=search", True),
    ],
)
def test_a_fault_fits_where_its_keys_and_its_nature_say(spec: str, fitting: bool) -> None:  # noqa: FBT001
    assert fits(read_fault(spec), attempt(session="work")) is fitting


def test_some_faults_want_a_stream_or_a_conversation_with_a_tool() -> None:
    assert fits(read_fault("no_message_stop"), attempt(stream=True))
    assert fits(read_fault("tool_loop"), attempt(messages=[*QUESTION, *CALLED]))


def test_what_changes_a_message_leaves_other_endpoints_alone() -> None:
    counted = read_attempt("POST", "/v1/messages/count_tokens", b"{}")

    assert not fits(read_fault("truncated"), counted)
    assert fits(read_fault("cut"), counted)
    assert fits(read_fault("cut:endpoint=count_tokens"), counted)
    assert not fits(read_fault("cut:endpoint=messages"), counted)


@given(st.binary(max_size=60) | st.text('{}[]":,modelstreammessages12 ', max_size=60).map(str.encode))
def test_any_body_is_an_attempt(body: bytes) -> None:
    assert read_attempt("POST", "/v1/messages", body).body == body
    last_tool_call(body)
