"""Replies that are one JSON body."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.messages.exchanges import MODEL, SALT, dump, message

from tokentape.proxy.messages.call import CallError, ToolCall, Usage
from tokentape.proxy.messages.hashing import digest_input
from tokentape.proxy.messages.reply import (
    MAX_BLOCK_TYPES,
    MAX_TOOL_CALLS,
    Reply,
    hash_input,
    read_message_body,
)
from tokentape.proxy.messages.tolerant import Notes


def read(body: bytes) -> Reply:
    reply = Reply(Notes())
    read_message_body(body, reply, SALT)
    return reply


def read_message(**fields: Any) -> Reply:
    return read(dump(message(**fields)))


def test_a_message_says_what_it_is_and_what_it_cost() -> None:
    reply = read_message(diagnostics={"cache_miss_reason": {"type": "tools_changed"}})
    assert (reply.message_id, reply.model, reply.stop_reason) == ("msg_1", MODEL, "end_turn")
    assert reply.usage.result() == Usage(input_tokens=10, output_tokens=5)
    assert reply.cache_miss_reason == "tools_changed"
    assert (reply.complete, reply.error) == (True, None)
    assert (reply.notes.unknown, reply.notes.parse_errors) == ([], [])


def test_blocks_and_characters_are_counted_by_kind() -> None:
    reply = read_message(
        content=[
            {"type": "thinking", "thinking": "Hm…", "signature": "long"},
            {"type": "redacted_thinking", "data": "abc"},
            {"type": "text", "text": "Grüße"},
            {"type": "text", "text": "!", "citations": None},
            {"type": "tool_use", "id": "toolu_1", "name": "get", "input": {"b": 1, "a": "é"}},
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ask", "server_name": "s", "input": {}},
        ]
    )
    assert reply.blocks == {
        "thinking": 1,
        "redacted_thinking": 1,
        "text": 2,
        "tool_use": 1,
        "server_tool_use": 1,
        "web_search_tool_result": 1,
        "mcp_tool_use": 1,
    }
    assert reply.characters == {"thinking": 3, "text": 6, "tool_use": len('{"a":"é","b":1}') + 4}
    assert reply.tool_calls == [
        ToolCall(
            name="get",
            id="toolu_1",
            block_type="tool_use",
            input_digest=digest_input(SALT, {"a": "é", "b": 1}),
            input_characters=15,
        ),
        ToolCall(
            name="web_search",
            id="srvtoolu_1",
            block_type="server_tool_use",
            input_digest=digest_input(SALT, {}),
            input_characters=2,
        ),
        ToolCall(
            name="ask",
            id="mcptoolu_1",
            block_type="mcp_tool_use",
            input_digest=digest_input(SALT, {}),
            input_characters=2,
        ),
    ]


def test_what_is_not_known_is_counted_and_noted() -> None:
    reply = read_message(content=[{"type": "hologram"}, {"type": "No name!"}, {}, "no block"])
    assert reply.blocks == {"hologram": 1, "other": 2}
    assert reply.notes.unknown == ["block:hologram", "block:other"]
    assert reply.complete


def test_an_error_under_status_200_is_an_error() -> None:
    reply = read(dump({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}))
    assert (reply.error, reply.complete) == (CallError(type="overloaded_error"), False)
    assert reply.notes.parse_errors == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b"5", b"\xff"])
def test_what_is_no_json_object_is_noted(body: bytes) -> None:
    reply = read(body)
    assert (reply.notes.parse_errors, reply.complete) == (["reply_json"], False)


def test_a_reply_that_has_no_end_was_cut_off_and_is_no_broken_json() -> None:
    body = dump(message())
    for size in range(len(body)):
        reply = read(body[:size])
        assert (reply.cut_off, reply.complete, reply.notes.parse_errors) == (True, False, [])
    assert read(body).cut_off is False
    assert read(b"<html>").cut_off is False


def test_a_message_without_content_is_noted_and_the_rest_is_read() -> None:
    reply = read_message(content="text", stop_reason=None, id=None, model=5)
    assert (reply.message_id, reply.model, reply.stop_reason) == (None, None, None)
    assert reply.usage.result() == Usage(input_tokens=10, output_tokens=5)
    assert reply.notes.parse_errors == ["reply_shape"]


def test_tool_calls_and_block_types_are_bounded() -> None:
    uses: list[dict[str, Any]] = [{"type": "tool_use", "id": "t", "name": "n", "input": {}}] * (
        MAX_TOOL_CALLS + 10
    )
    many = read_message(content=[*uses, *({"type": f"type_{n}"} for n in range(100))])
    assert len(many.tool_calls) == MAX_TOOL_CALLS
    assert many.blocks["tool_use"] == MAX_TOOL_CALLS + 10
    assert len(many.blocks) <= MAX_BLOCK_TYPES + 1
    assert sum(many.blocks.values()) == MAX_TOOL_CALLS + 110


def test_an_input_nested_too_deeply_has_no_digest() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert hash_input(SALT, deep) == (0, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda each: (
        st.lists(each, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "id", "name", "input", "text", "x"]), each, max_size=4)
    ),
    max_leaves=15,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*message(), "diagnostics"], JSON)))
def test_no_shape_raises(fields: dict[str, Any]) -> None:
    read(dump(fields))


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    read(body)
