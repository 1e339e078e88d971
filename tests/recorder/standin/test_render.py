"""Rendering: what the SDK reads from the events is what the whole message says, without surprises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import anthropic
import httpx2
import pydantic
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from tests.recorder.standin.asking import body, settings

from tokentape.recorder.standin import render
from tokentape.recorder.standin.ids import Ids
from tokentape.recorder.standin.prompt_cache import InputTokens
from tokentape.recorder.standin.request import read_message_request
from tokentape.recorder.standin.tokens import is_array
from tokentape.recorder.standin.turn import Turn, take_turn
from tokentape.recorder.wire.body import PING

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import Behaviour

ALL_KINDS = ["thinking", "redacted_thinking", "server_tool_use", "text", "tool_use"]
TOOL = {"name": "look", "input": {"at": ["tape", "météo ☂"], "deep": {"er": 1.5}}}
event_type: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RawMessageStreamEvent)


def spoken(**behaviour: Any) -> tuple[Turn, Behaviour]:
    """A turn, and the behaviour to render it with."""
    read = read_message_request(json.dumps(body(speed="standard")).encode())
    told = settings(**behaviour)
    return take_turn(read, told, "claude-haiku-4-5", InputTokens(11, 5, 3, 2), Ids().next), told


def data(event: bytes) -> dict[str, Any]:
    """The data of an event, whose name must be its type."""
    first, second, *rest = event.decode().split("\n")
    assert rest == ["", ""]
    value = json.loads(second.removeprefix("data: "))
    assert first == f"event: {value['type']}"
    return cast("dict[str, Any]", value)


def surprises(value: Any) -> list[str]:
    """Fields that the SDK's types do not know, at any depth."""
    if is_array(value):
        return [name for item in value for name in surprises(item)]
    if not isinstance(value, pydantic.BaseModel):
        return []
    inner = [name for field in type(value).model_fields for name in surprises(getattr(value, field, None))]
    return [*(value.model_extra or {}), *inner]


def accumulated(events: list[bytes]) -> dict[str, Any]:
    """The message as the SDK puts it together from a stream."""
    reply = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"".join(events))
    transport = httpx2.MockTransport(lambda _: reply)
    with anthropic.Anthropic(api_key="none", http_client=httpx2.Client(transport=transport)) as client:
        question: list[Any] = [{"role": "user", "content": "hello"}]
        with client.messages.stream(model="claude-opus-4-8", max_tokens=9, messages=question) as stream:
            message = stream.get_final_message().to_dict(warnings=False)
    for block in cast("list[dict[str, Any]]", message["content"]):
        block.pop("parsed_output", None)
    return message


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("chunk_tokens", [1, 3, 1000])
def test_a_stream_says_what_the_whole_message_says(chunk_tokens: int, padding: bool) -> None:  # noqa: FBT001
    turn, told = spoken(
        blocks=ALL_KINDS, tool=TOOL, output_tokens=130, chunk_tokens=chunk_tokens, padding=padding
    )

    whole = Message.model_validate_json(render.message(turn), strict=True)
    streamed = render.stream(turn, told).data

    assert surprises(whole) == []
    assert accumulated(streamed) == whole.to_dict()


def test_the_sdk_knows_every_field_of_every_event() -> None:
    turn, told = spoken(blocks=ALL_KINDS, tool=TOOL, output_tokens=130, message_deltas=2)

    for event in render.stream(turn, told).data:
        if event != PING:
            assert surprises(event_type.validate_python(data(event), strict=True)) == []


def test_the_events_come_in_the_order_of_the_api() -> None:
    turn, told = spoken(blocks=["thinking", "text"], thinking_tokens=8, output_tokens=16)

    assert [data(event)["type"] for event in render.stream(turn, told).data] == [
        *("message_start", "content_block_start", "ping"),
        *["content_block_delta"] * 3,  # two of thinking, its signature
        *("content_block_stop", "content_block_start"),
        *["content_block_delta"] * 2,
        *("content_block_stop", "message_delta", "message_stop"),
    ]


def test_usage_is_whole_at_the_start_but_for_the_output() -> None:
    turn, told = spoken(output_tokens=16)
    first = data(render.stream(turn, told).data[0])["message"]

    assert first["usage"] == {
        "input_tokens": 11,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 2},
        "output_tokens": 3,
        "service_tier": "standard",
        "inference_geo": "not_available",
        "speed": "standard",
    }
    assert (first["content"], first["stop_reason"]) == ([], None)


def test_usage_at_the_end_is_cumulative() -> None:
    iteration = {"type": "compaction", "input_tokens": 5, "output_tokens": 6}
    turn, told = spoken(
        blocks=["thinking", "server_tool_use", "text"],
        output_tokens=60,
        message_deltas=3,
        iterations=[iteration],
    )
    ends = [data(event) for event in render.stream(turn, told).data[-4:-1]]

    assert [end["usage"]["output_tokens"] for end in ends] == [20, 40, 60]
    assert [end["delta"]["stop_reason"] for end in ends] == [None, None, "end_turn"]
    assert ends[-1]["usage"] == {
        "input_tokens": 11,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 5,
        "output_tokens": 60,
        "output_tokens_details": {"thinking_tokens": 16},
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
        "iterations": [iteration],
    }


def test_padding_changes_bytes_and_nothing_else() -> None:
    plain = render.stream(*spoken(output_tokens=200)).data
    padded = render.stream(*spoken(output_tokens=200, padding=True)).data

    assert [data(event) for event in plain] == [data(event) for event in padded]
    widths = [len(wide) - len(narrow) for wide, narrow in zip(padded, plain, strict=True)]
    assert min(widths) == 0
    assert 8 < max(widths) < 16
    assert len(set(widths)) > 8


def test_pings_and_unknown_events_are_up_to_the_behaviour() -> None:
    quiet = render.stream(*spoken(pings=False))
    odd = render.stream(*spoken(pings=False, unknown_event=True))

    assert PING not in quiet.data
    assert [event for event in odd.data if event not in quiet.data] == [
        b'event: vendor_news\ndata: {"type":"vendor_news","news":[1]}\n\n'
    ]
    assert len(odd.data) == len(odd.tokens)


@effort(max_examples=50)
@given(st.lists(st.sampled_from(ALL_KINDS), max_size=4), st.integers(1, 90), st.integers(1, 9))
def test_tokens_rise_to_the_output_and_deltas_always_say_some(
    kinds: list[str], output: int, chunk: int
) -> None:
    turn, told = spoken(blocks=kinds, output_tokens=output, chunk_tokens=chunk, tool=TOOL)
    events = render.stream(turn, told)

    assert events.tokens == sorted(events.tokens)
    assert (events.tokens[0], events.tokens[-1]) == (0, turn.usage.output_tokens)
    first = next((place for place, event in enumerate(events.data) if b"_delta\n" in event), None)
    if first is not None and data(events.data[first])["type"] == "content_block_delta":
        assert events.tokens[first] > 0
