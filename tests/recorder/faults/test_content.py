"""Messages that end early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.faults.recorded import (
    CONTENT,
    DATAS,
    EVENTS,
    INPUT,
    MESSAGE,
    TEXT,
    THOUGHT,
    USAGE,
    delta,
    message,
    said,
    stream,
    whole,
)

from tokentape.recorder.faults.apply import struck
from tokentape.recorder.faults.message import event_of, usage_of
from tokentape.recorder.faults.spec import read_fault
from tokentape.recorder.wire.answer import Ending

if TYPE_CHECKING:
    from tokentape.recorder.wire.reply import Reply

REASONS = {
    "truncated": "max_tokens",
    "context_window_exceeded": "model_context_window_exceeded",
    "refusal": "refusal",
}
TOTAL = 20
STOP = {"type": "message_stop"}


def by(spec: str, reply: Reply) -> Reply:
    """A reply struck by the fault of a spec."""
    return struck(reply, read_fault(spec))


def ended(reason: str, tokens: int, thought: int, details: object = None) -> dict[str, Any]:
    """The data of the last `message_delta`."""
    usage = USAGE | {"output_tokens": tokens, "output_tokens_details": {"thinking_tokens": thought}}
    stopped = {"stop_reason": reason, "stop_sequence": None, "stop_details": details}
    return {"type": "message_delta", "delta": stopped, "usage": usage}


def test_a_stream_is_truncated_inside_a_text() -> None:
    """12 characters of thought, 27 of text, 16 of input cost 20 tokens: 8 tokens are 22 characters."""
    reply = by("truncated:tokens=8", stream())

    assert reply.body.data[:7] == list(EVENTS[:7])
    assert said(reply)[7:] == [
        delta(1, "text", TEXT[:10]),
        {"type": "content_block_stop", "index": 1},
        ended("max_tokens", 8, 6),
        STOP,
    ]


def test_a_stream_is_truncated_inside_the_input_of_a_tool() -> None:
    reply = by("truncated:tokens=17", stream())

    assert said(reply)[10:] == [
        DATAS[10],
        delta(2, "partial_json", '{"word"', "input_json_delta"),
        {"type": "content_block_stop", "index": 2},
        ended("max_tokens", 17, 6),
        STOP,
    ]


def test_a_stream_is_truncated_inside_a_thought_without_a_signature() -> None:
    reply = by("truncated:tokens=3", stream())

    assert said(reply)[3:] == [
        delta(0, "thinking", THOUGHT[:8]),
        {"type": "content_block_stop", "index": 0},
        ended("max_tokens", 3, 3),
        STOP,
    ]


def test_half_of_a_message_is_said_unless_told_otherwise() -> None:
    assert by("truncated", stream()) == by("truncated:tokens=10", stream())
    assert by("context_window_exceeded", whole()) == by("context_window_exceeded:tokens=10", whole())


@pytest.mark.parametrize("tokens", [TOTAL, 99])
def test_a_message_that_is_shorter_passes(tokens: int) -> None:
    for reply in (stream(), whole()):
        assert by(f"truncated:tokens={tokens}", reply) == reply


def test_a_refusal_says_nothing() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": None}

    refused = by("refusal:category=bio", stream())
    body = message(by("refusal", whole()))

    assert said(refused) == [DATAS[0], ended("refusal", 0, 0, details), STOP]
    assert (body["content"], body["stop_reason"]) == ([], "refusal")
    assert body["stop_details"] == details | {"category": None}
    assert body["usage"]["output_tokens"] == 0


def test_a_refusal_can_come_late() -> None:
    assert said(by("refusal:tokens=8", stream()))[7] == delta(1, "text", TEXT[:10])


def test_a_whole_message_ends_as_its_stream_would() -> None:
    """Its input is a character shorter, so that it says a little less by then."""
    body = message(by("truncated:tokens=8", whole()))

    assert body == MESSAGE | {
        "content": [CONTENT[0], {"type": "text", "text": TEXT[:9]}],
        "stop_reason": "max_tokens",
        "stop_sequence": None,
        "stop_details": None,
        "usage": USAGE | {"output_tokens": 8, "output_tokens_details": {"thinking_tokens": 6}},
    }


def test_half_an_input_is_none_and_half_a_thought_is_not_signed() -> None:
    assert message(by("truncated:tokens=17", whole()))["content"][2]["input"] == {}
    assert message(by("truncated:tokens=3", whole()))["content"] == [
        {"type": "thinking", "thinking": THOUGHT[:8], "signature": ""}
    ]
    assert CONTENT[2]["input"] == INPUT


@given(st.integers(0, TOTAL - 1), st.sampled_from(sorted(REASONS)))
def test_wherever_it_ends_a_stream_is_well_formed_and_its_usage_fits(tokens: int, name: str) -> None:
    reply = by(f"{name}:tokens={tokens}", stream())
    datas = said(reply)
    opened = [data["index"] for data in datas if data["type"] == "content_block_start"]
    closed = [data["index"] for data in datas if data["type"] == "content_block_stop"]

    assert opened == closed
    assert [data["type"] for data in datas[-2:]] == ["message_delta", "message_stop"]
    assert datas[-2]["delta"]["stop_reason"] == REASONS[name]
    assert usage_of(reply) == (34, tokens)


@given(st.integers(0, TOTAL - 1), st.sampled_from(sorted(REASONS)))
def test_wherever_it_ends_a_message_is_one_of_the_sdks(tokens: int, name: str) -> None:
    body = Message.model_validate(message(by(f"{name}:tokens={tokens}", whole())))

    assert (body.stop_reason, body.usage.output_tokens) == (REASONS[name], tokens)


def test_times_are_kept_and_the_end_comes_at_once() -> None:
    due = [place / 10 for place in range(len(EVENTS))]

    reply = by("truncated:tokens=8", stream(due=due))

    assert reply.body.due == [*due[:7], 0.7, 0.7, 0.7, 0.7]


def test_several_message_deltas_become_one() -> None:
    more = event_of({"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 5}})

    datas = said(by("truncated:tokens=19", stream(*EVENTS[:14], more, *EVENTS[14:])))

    assert [data["type"] for data in datas].count("message_delta") == 1
    assert datas[-2]["usage"]["output_tokens"] == 19


def test_a_recorded_stream_that_broke_off_is_ended_properly() -> None:
    broken = stream(*EVENTS[:9])
    broken.body.ending = Ending.CUT

    reply = by("truncated:tokens=5", broken)

    assert (reply.body.ending, said(reply)[-2]["usage"]) == (Ending.KEEP, {"output_tokens": 5})


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"type":"error"}', b'{"input_tokens":7}'])
def test_what_is_no_message_passes(body: bytes) -> None:
    reply = whole()
    reply.body.data = [body]

    assert by("truncated:tokens=0", reply) == reply


def test_an_error_inside_a_stream_passes() -> None:
    reply = stream(event_of({"type": "error", "error": {"type": "overloaded_error"}}))

    assert by("refusal", reply) == reply


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "content", "usage", "delta", "text", "index", "output_tokens"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=9,
    )
)
def test_any_json_can_be_struck(value: Any) -> None:
    events = [b"data: " + msgspec.json.encode(value) + b"\n\n"]

    by("truncated:tokens=1", stream(*EVENTS[:3], *events, *EVENTS[3:]))
    by("truncated:tokens=0", whole({"type": "message", "content": value, "usage": value}))
