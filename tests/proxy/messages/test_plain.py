"""Plain replies are read as all others are, only faster."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.messages.exchanges import SALT, dump, message

from tokentape.proxy.messages.plain import plain_message
from tokentape.proxy.messages.reply import Reply, read_any_body, read_message_body
from tokentape.proxy.messages.tolerant import Notes


def said(body: bytes, *, plainly: bool) -> dict[str, Any]:
    """All that is known of a reply."""
    reply = Reply(Notes())
    (read_message_body if plainly else read_any_body)(body, reply, SALT)
    facts = {name: getattr(reply, name) for name in Reply.__slots__ if name not in {"notes", "usage"}}
    return facts | {
        "usage": reply.usage.result(),
        "notes": (reply.notes.unknown, reply.notes.parse_errors),
    }


NUMBERS: list[object] = [0, 1, 7, None, -1, 10**9, 10**9 + 1, 1.0, 1.5, True, "5", {}]
COUNT: st.SearchStrategy[Any] = st.sampled_from(NUMBERS)
WORD: st.SearchStrategy[Any] = st.sampled_from(["standard", "", None, "a\nb", "x" * 300, 5])
USAGE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"input_tokens": COUNT, "output_tokens": COUNT},
    optional={
        "cache_read_input_tokens": COUNT,
        "cache_creation_input_tokens": COUNT,
        "cache_creation": st.none()
        | st.fixed_dictionaries({}, optional={"ephemeral_5m_input_tokens": COUNT, "new": COUNT}),
        "server_tool_use": st.none() | st.fixed_dictionaries({"web_search_requests": COUNT}),
        "output_tokens_details": st.fixed_dictionaries({"thinking_tokens": COUNT}),
        "service_tier": WORD,
        "inference_geo": WORD,
        "speed": WORD,
        "iterations": st.just([]) | st.none(),
        "unheard_of": COUNT,
    },
)
BLOCK: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "tool_use", "server_tool_use", "hologram", "", 5])},
    optional={
        "text": WORD,
        "thinking": WORD,
        "id": WORD,
        "name": WORD,
        "input": st.sampled_from([{}, {"b": 1, "a": "é"}, None, [1.0], "text"]),
        "citations": st.none(),
    },
)
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["message", "error", 5]),
        "id": WORD,
        "model": WORD,
        "stop_reason": WORD,
        "usage": USAGE | st.none(),
        "content": st.lists(BLOCK | st.text(max_size=2), max_size=3) | st.none(),
        "diagnostics": st.none() | st.just({"cache_miss_reason": {"type": "tools_changed"}}),
    },
)


@given(FIELDS)
def test_every_message_says_the_same_whichever_way_it_is_read(fields: dict[str, Any]) -> None:
    body = dump(message(**fields))
    assert said(body, plainly=True) == said(body, plainly=False)


@given(st.binary(max_size=64) | st.sampled_from([dump(message())[:n] for n in range(0, 200, 7)]))
def test_so_do_bytes_that_are_no_message(body: bytes) -> None:
    assert said(body, plainly=True) == said(body, plainly=False)


def test_an_ordinary_message_is_plain() -> None:
    assert plain_message(dump(message())) is not None


@pytest.mark.parametrize("odd", [b'"\xff"', b"1e400"])
def test_what_is_odd_where_nobody_looks_costs_no_usage(odd: bytes) -> None:
    body = dump(message(stop_sequence="here"))
    told = said(body.replace(b'"here"', odd), plainly=True)
    assert told == said(body, plainly=True)
    assert told["usage"] is not None
