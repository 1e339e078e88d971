"""Turns: which blocks are said, what they cost, and why a turn stops."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.standin.asking import body, settings

from tokentape.recorder.standin.ids import Ids
from tokentape.recorder.standin.prompt_cache import InputTokens
from tokentape.recorder.standin.request import read_message_request
from tokentape.recorder.standin.tokens import text_tokens
from tokentape.recorder.standin.turn import (
    RedactedThinking,
    SearchResult,
    ServerToolUse,
    Text,
    Thinking,
    ToolUse,
    Turn,
    Usage,
    take_turn,
)

WEATHER = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["celsius", "kelvin"]},
            "odd": True,
        },
    },
}
THINKING = {"type": "enabled", "budget_tokens": 1024}


def turn(request: dict[str, Any] | None = None, **behaviour: Any) -> Turn:
    """The turn that a request gets."""
    read = read_message_request(json.dumps(body(**(request or {}))).encode())
    return take_turn(read, settings(**behaviour), "m", InputTokens(11, 5, 3, 2), Ids().next)


def kinds(said: Turn) -> list[type]:
    """The blocks by type."""
    return [type(block) for block in said.blocks]


def test_a_plain_request_gets_text_of_the_wanted_size() -> None:
    said = turn(output_tokens=12)

    assert said.blocks == (Text("A tape keeps what was said, as it was said, and "),)
    assert said.stop_reason == "end_turn"
    assert said.usage == Usage(
        input_tokens=11,
        cache_read_input_tokens=5,
        ephemeral_5m_input_tokens=3,
        ephemeral_1h_input_tokens=2,
        output_tokens=12,
    )


def test_the_seed_decides_where_the_text_begins() -> None:
    first, again, other = (turn(seed=seed).blocks for seed in (1, 1, 2))

    assert first == again != other


def test_a_given_text_decides_what_it_costs() -> None:
    said = turn(text="abcdefghi", output_tokens=999)

    assert (said.blocks, said.usage.output_tokens) == ((Text("abcdefghi"),), 3)


def test_max_tokens_cuts_the_text() -> None:
    said = turn({"max_tokens": 2}, text="abcdefghijkl")

    assert (said.blocks, said.stop_reason, said.usage.output_tokens) == ((Text("abcdefgh"),), "max_tokens", 2)


def test_thinking_comes_first_and_is_a_part_of_the_output() -> None:
    said = turn({"max_tokens": 2000, "thinking": THINKING}, output_tokens=50, thinking_tokens=20)

    assert kinds(said) == [Thinking, Text]
    assert (said.costs, said.usage.thinking_tokens, said.usage.output_tokens) == ((20, 30), 20, 50)


def test_thinking_can_use_up_all_tokens() -> None:
    said = turn({"max_tokens": 5}, blocks=["thinking", "text"], thinking_tokens=20)

    assert (said.costs, said.stop_reason, said.usage.thinking_tokens) == ((5, 0), "max_tokens", 5)
    assert said.blocks[1] == Text("")


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_a_forced_tool_is_called_with_arguments_that_fit(choice: dict[str, str]) -> None:
    other = {"name": "other"}
    tools = [WEATHER, other] if choice["type"] == "any" else [other, WEATHER]
    said = turn({"tools": tools, "tool_choice": choice})

    [block] = said.blocks
    assert isinstance(block, ToolUse)
    arguments = {"city": "example", "days": 1, "unit": "celsius", "odd": None}
    assert (block.name, block.input, said.stop_reason) == ("get_weather", arguments, "tool_use")
    assert said.usage.output_tokens == 40


def test_a_tool_loop_ends_after_its_turns() -> None:
    tool = {"name": "look", "input": {"at": "tape"}}
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Look!"}]
    reasons: list[str] = []
    for _ in range(3):
        reasons.append(turn({"messages": messages}, tool=tool, tool_turns=2).stop_reason)
        messages += [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", **tool}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "seen"}]},
        ]

    assert reasons == ["tool_use", "tool_use", "end_turn"]


def test_every_kind_of_block_can_be_asked_for() -> None:
    said = turn(
        blocks=["thinking", "redacted_thinking", "text", "server_tool_use", "tool_use"],
        output_tokens=100,
        web_searches=2,
    )

    assert kinds(said) == [
        *(Thinking, RedactedThinking, Text),
        *(ServerToolUse, SearchResult, ServerToolUse, SearchResult),
        ToolUse,
    ]
    assert said.usage.web_search_requests == 2
    assert said.usage.thinking_tokens == 32
    assert sum(said.costs) == said.usage.output_tokens == 100


def test_a_search_result_belongs_to_its_search() -> None:
    use, result = turn(blocks=["server_tool_use"]).blocks

    assert isinstance(use, ServerToolUse)
    assert isinstance(result, SearchResult)
    assert use.id == result.tool_use_id


def test_the_stop_reason_can_be_given() -> None:
    request = {"stop_sequences": ["STOP", "HALT"]}

    assert turn(request, stop_reason="stop_sequence").stop_sequence == "STOP"
    refused = turn(request, stop_reason="refusal", stop_details={"type": "refusal", "category": "bio"})
    assert (refused.stop_reason, refused.stop_sequence, refused.stop_details) == (
        "refusal",
        None,
        {"type": "refusal", "category": "bio"},
    )


def test_what_the_request_says_of_speed_and_place_is_said_back() -> None:
    said = turn({"speed": "fast", "inference_geo": "us"}, service_tier="priority", served_model="n")

    assert (said.speed, said.inference_geo, said.service_tier, said.model) == ("fast", "us", "priority", "n")


block_kinds = st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"])


@given(st.lists(block_kinds, max_size=5), st.integers(1, 300), st.integers(0, 200), st.integers(0, 60))
def test_costs_add_up_and_never_exceed_max_tokens(
    asked: list[str], allowed: int, output: int, thinking: int
) -> None:
    said = turn({"max_tokens": allowed}, blocks=asked, output_tokens=output, thinking_tokens=thinking)

    assert sum(said.costs) == said.usage.output_tokens <= allowed
    assert said.usage.thinking_tokens <= said.usage.output_tokens
    for block, cost in zip(said.blocks, said.costs, strict=True):
        if isinstance(block, Text):
            assert text_tokens(block.text) == cost
