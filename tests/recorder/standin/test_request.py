"""Requests: what is refused, and in which words."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.standin.asking import body

from tokentape.recorder.standin.request import (
    CacheControl,
    Message,
    cache_control,
    read_batch,
    read_message_request,
    read_prompt,
)
from tokentape.recorder.wire.errors import ApiError

EMPTY = "messages.0: all messages must have non-empty content except"
THINKING = "thinking.enabled.budget_tokens: "


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "model: Field required"),
        ({"model": "m"}, "messages: Field required"),
        ({"model": "m", "messages": [{"role": "user", "content": "a"}]}, "max_tokens: Field required"),
        (body(model=""), "model: String should have at least 1 character"),
        (body(model=7), "model: Input should be a valid string"),
        (body(messages=[]), "messages: at least one message is required"),
        (body(messages={}), "messages: Input should be a valid list"),
        (body(messages=[{"role": "user"}]), "messages.0.content: Field required"),
        (body(messages=[{"role": "bot", "content": "a"}]), "messages.0.role: Invalid enum value 'bot'"),
        (
            body(messages=[{"role": "assistant", "content": "a"}]),
            "messages: first message must use the user role",
        ),
        (
            body(messages=[{"role": "user", "content": ""}, {"role": "user", "content": "a"}]),
            f"{EMPTY} for the optional final assistant message",
        ),
        (body(max_tokens="9"), "max_tokens: Input should be a valid integer"),
        (body(max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
        (body(stream=1), "stream: Input should be a valid boolean"),
        (body(temperature=1.5), "temperature: range: 0..1"),
        (body(tools=[7]), "tools.0: Input should be a valid dictionary"),
        (body(thinking={"type": "enabled"}), f"{THINKING}Field required"),
        (
            body(thinking={"type": "enabled", "budget_tokens": 9}),
            f"{THINKING}Input should be greater than or equal to 1024",
        ),
        (
            body(thinking={"type": "enabled", "budget_tokens": 1024}),
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
        ),
    ],
)
def test_a_wrong_request_is_refused_with_the_place(content: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_message_request(json.dumps(content).encode())

    refused = caught.value
    assert (refused.status, refused.type, refused.message) == (400, "invalid_request_error", sentence)


@given(st.binary(max_size=60) | st.from_regex(rb'\{"model": ?"[a-z]*", "m[a-z_]*": .*\}', fullmatch=True))
def test_any_bytes_are_a_request_or_a_refusal(raw: bytes) -> None:
    for read in (read_message_request, read_prompt, read_batch):
        with contextlib.suppress(ApiError):
            read(raw)


def test_unknown_fields_pass() -> None:
    request = read_message_request(json.dumps(body(novelty={"a": 1}, stream=True)).encode())

    assert (request.stream, request.messages) == (True, [Message("user", "What is a tape?")])


def test_an_empty_final_assistant_message_is_allowed() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]

    assert len(read_message_request(json.dumps(body(messages=messages)).encode()).messages) == 2


def test_a_count_needs_no_max_tokens() -> None:
    assert read_prompt(b'{"model": "m", "messages": [{"role": "user", "content": "a"}]}').model == "m"


def test_cache_marks_are_read() -> None:
    hour = {"type": "text", "cache_control": {"type": "ephemeral", "ttl": "1h"}}

    assert cache_control(hour) == CacheControl("ephemeral", "1h")
    assert cache_control({"cache_control": {"type": "ephemeral"}}) == CacheControl("ephemeral", "5m")
    assert cache_control({"cache_control": None}) is None


@pytest.mark.parametrize(
    ("mark", "sentence"),
    [
        ({"type": "eternal"}, "cache_control.type: Invalid enum value 'eternal'"),
        ({"type": "ephemeral", "ttl": "2h"}, "cache_control.ttl: Invalid enum value '2h'"),
        (True, "cache_control: Input should be a valid dictionary"),
    ],
)
def test_other_cache_marks_are_refused(mark: object, sentence: str) -> None:
    with pytest.raises(ApiError) as caught:
        cache_control({"cache_control": mark})

    assert caught.value.message == sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{}", "requests: Field required"),
        ('{"requests": []}', "requests: List should have at least 1 item after validation, not 0"),
        ('{"requests": [{"params": {}}]}', "requests.0.custom_id: Field required"),
        (
            '{"requests": [{"custom_id": "a", "params": {}}, {"custom_id": "a", "params": {}}]}',
            "requests: custom_id must be unique for each request within the Message Batch",
        ),
    ],
)
def test_a_wrong_batch_is_refused(content: str, sentence: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_batch(content.encode())

    assert caught.value.message == sentence
