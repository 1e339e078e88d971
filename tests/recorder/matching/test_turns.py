"""Requests as conversations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.matching.conversations import post
from tests.recorder.matching.test_canonical import VALUES

from tokentape.recorder.matching.keys import Reading
from tokentape.recorder.matching.rules import DEFAULT
from tokentape.recorder.matching.turns import Conversation, conversation_of, essence
from tokentape.recorder.matching.volatile import Normaliser

CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "sky"}}


def talk(*messages: Any, **more: Any) -> Conversation:
    reading = Reading(post({"model": "m", "messages": list(messages)} | more), Normaliser(DEFAULT))
    found = conversation_of(reading)
    assert found is not None
    return found


def exchange(identity: str, result: str = "blue") -> Conversation:
    """A question, a tool call and its result."""
    return talk(
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [CALL | {"id": identity}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": identity, "content": result}],
        },
    )


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


SAME: list[tuple[Any, Any]] = [
    ([text("Blue.")], "Blue."),
    ([text("Blue.")], [text(" Blue.\n")]),
    ([text("Bl"), text("ue.")], [text("Blue.")]),
    ([{"type": "thinking", "thinking": "Hm.", "signature": "x"}, text("Blue.")], [text("Blue.")]),
    ([{"type": "redacted_thinking", "data": "x"}, CALL], [CALL]),
    ([CALL | {"caller": {"type": "direct"}}], [CALL | {"id": "toolu_2"}]),
    ([text("Blue.") | {"citations": None}], [text("Blue.")]),
    ([text('{"a": 1, "b": 2}')], [text('{"b":2,"a":1}')]),
    ([text(""), CALL], [CALL]),
]


@pytest.mark.parametrize(("said", "sent_back"), SAME)
def test_what_clients_make_of_a_reply_has_its_essence(said: Any, sent_back: Any) -> None:
    assert essence(said) == essence(sent_back)


OTHER: list[tuple[Any, Any]] = [
    ([text("Blue.")], [text("Green.")]),
    ([CALL], [CALL | {"input": {"at": "sea"}}]),
    ([CALL], [CALL | {"name": "listen"}]),
    ([CALL], [CALL, CALL]),
    ([text("Blue."), CALL], [CALL]),
    ([text('{"a": 1}')], [text('{"a": 2}')]),
    ([text("{no JSON")], [text("{no json")]),
    ([text("1")], [text("1.0")]),
]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_words_and_other_calls_have_another_essence(one: Any, other: Any) -> None:
    assert essence(one) != essence(other)


def test_ids_of_tool_calls_do_not_count_and_what_the_tools_said_does() -> None:
    assert exchange("toolu_1") == exchange("toolu_2")
    one, other = exchange("toolu_1").turns, exchange("toolu_1", "green").turns
    assert one[:2] == other[:2]
    assert one[2] != other[2]


def test_everything_but_the_messages_is_the_frame() -> None:
    ask = {"role": "user", "content": "Look."}
    assert talk(ask).frame != talk(ask, system="Be brief.").frame
    assert talk(ask).frame == talk(ask, ask, metadata={"user_id": "u"}).frame


def test_a_conversation_is_under_way_once_the_assistant_has_spoken() -> None:
    assert exchange("toolu_1").under_way
    assert not talk({"role": "user", "content": "Look."}).under_way


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"messages": []}', b'{"messages": [1]}', b'{"messages": {}}', b"[]", b"x"]
)
def test_what_is_no_conversation_is_none(body: bytes) -> None:
    assert conversation_of(Reading(post(body), Normaliser(DEFAULT))) is None


@given(VALUES)
def test_any_content_has_an_essence(content: Any) -> None:
    essence(content, odd=True)


@given(st.lists(VALUES, min_size=1, max_size=3), st.sampled_from(["user", "assistant"]))
def test_any_messages_are_a_conversation(contents: list[Any], role: str) -> None:
    assert len(talk(*({"role": role, "content": content} for content in contents)).turns) == len(contents)
