from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.telemetry.otel.conversation import (
    input_messages,
    output_messages,
    part,
    read_message,
    system_instructions,
    tool_definitions,
)


def text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}


def test_a_conversation_with_a_tool_has_the_shape_of_the_conventions() -> None:
    messages = [
        {"role": "user", "content": "Weather in Paris?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Ask the tool.", "signature": "secret"},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "rainy"}]},
                {"type": "text", "text": "In French, please."},
            ],
        },
    ]
    assert input_messages(messages) == [
        {"role": "user", "parts": [text("Weather in Paris?")]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Ask the tool."},
                {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Paris"}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t1", "response": [text("rainy")]}]},
        {"role": "user", "parts": [text("In French, please.")]},
    ]


def test_instructions_are_parts() -> None:
    assert system_instructions("Be brief.") == [text("Be brief.")]
    assert system_instructions([{"type": "text", "text": "Be brief.", "citations": None}]) == [
        text("Be brief.")
    ]
    assert system_instructions(None) == []


def test_tools_have_their_schemas_and_those_of_the_api_their_types() -> None:
    tools = [
        {"name": "weather", "description": "Of a city.", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
    ]
    assert tool_definitions(tools) == [
        {
            "type": "function",
            "name": "weather",
            "description": "Of a city.",
            "parameters": {"type": "object"},
        },
        {"type": "web_search_20250305", "name": "web_search"},
    ]


@pytest.mark.parametrize(
    ("source", "reference"),
    [
        (
            {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="},
            {
                "type": "uri",
                "modality": "image",
                "mime_type": "image/png",
                "uri": f"urn:tokentape:base64-sha256:{hashlib.sha256(b'aGVsbG8=').hexdigest()}",
                "size": 6,
            },
        ),
        (
            {"type": "base64", "media_type": "image/png", "data": "elided:0123abcd:99999"},
            {
                "type": "uri",
                "modality": "image",
                "mime_type": "image/png",
                "uri": "urn:tokentape:elided:0123abcd:99999",
            },
        ),
        (
            {"type": "url", "url": "https://example.com/a.png"},
            {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
        ),
        ({"type": "file", "file_id": "file_1"}, {"type": "file", "modality": "image", "file_id": "file_1"}),
    ],
)
def test_media_are_references(source: dict[str, str], reference: dict[str, Any]) -> None:
    assert part({"type": "image", "source": source}) == reference


def test_what_the_api_does_itself_is_named_and_what_nobody_knows_has_its_type_alone() -> None:
    call = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
    assert part(call) == {
        "type": "server_tool_call",
        "id": "s1",
        "name": "web_search",
        "server_tool_call": {"type": "web_search", "arguments": {"query": "x"}},
    }
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"encrypted_content": "x"}]}
    assert part(found) == {
        "type": "server_tool_call_response",
        "id": "s1",
        "server_tool_call_response": {"type": "web_search_tool_result"},
    }
    assert part({"type": "brand_new", "secret": "x"}) == {"type": "brand_new"}


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def delta(index: int, **fields: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


STREAM = stream(
    {"type": "message_start", "message": {"type": "message", "role": "assistant", "content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    delta(0, type="text_delta", text="Hel"),
    delta(0, type="text_delta", text="lo"),
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t1", "name": "weather", "input": {}},
    },
    delta(1, type="input_json_delta", partial_json='{"city": '),
    delta(1, type="input_json_delta", partial_json='"Paris"}'),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    {"type": "message_stop"},
)


def test_a_stream_is_put_together() -> None:
    assert output_messages(read_message(STREAM, stream=True)) == [
        {
            "role": "assistant",
            "parts": [
                text("Hello"),
                {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Paris"}},
            ],
            "finish_reason": "tool_call",
        }
    ]


def test_a_stream_that_broke_off_says_what_came() -> None:
    cut = STREAM[: STREAM.index(b'"Paris\\"}')]
    assert output_messages(read_message(cut, stream=True)) == [
        {
            "role": "assistant",
            "parts": [
                text("Hello"),
                {"type": "tool_call", "id": "t1", "name": "weather", "arguments": '{"city": '},
            ],
            "finish_reason": "error",
        }
    ]


def test_a_whole_reply_is_read_and_an_error_is_none() -> None:
    message = {"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "refusal"}
    assert output_messages(read_message(json.dumps(message).encode(), stream=False)) == [
        {"role": "assistant", "parts": [text("Hi")], "finish_reason": "content_filter"}
    ]
    error = b'{"type": "error", "error": {"message": "secret"}}'
    assert output_messages(read_message(error, stream=False)) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["type", "content", "role", "source"]), inner)
    ),
)


@given(JSON)
def test_whatever_a_client_sends_is_read_or_left(value: Any) -> None:
    for read in (input_messages, system_instructions, tool_definitions):
        json.dumps(read(value))


@given(st.binary(), st.booleans())
def test_whatever_an_upstream_sends_is_read_or_left(body: bytes, stream: bool) -> None:  # noqa: FBT001
    json.dumps(output_messages(read_message(body, stream=stream)))
