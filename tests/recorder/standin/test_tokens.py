"""Token counts: deterministic, additive, blind to cache marks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.standin.tokens import block_tokens, canonical, text_tokens


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("日本語です", 2)]
)
def test_four_characters_are_a_token(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens
    assert block_tokens({"type": "text", "text": text}) == tokens


@pytest.mark.parametrize(
    ("block", "tokens"),
    [
        ({"type": "image", "source": {"type": "base64", "data": "x" * 99_999}}, 1600),
        ({"type": "tool_result", "tool_use_id": "t", "content": "abcdefgh"}, 2),
        (
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "text", "text": "abcd"}, {"type": "image"}, "no block"],
            },
            1601,
        ),
        ({"type": "tool_use", "name": "x"}, 8),  # {"name":"x","type":"tool_use"}
        ({"type": "text", "text": 5}, 6),
    ],
)
def test_other_blocks_count_what_a_model_sees(block: dict[str, Any], tokens: int) -> None:
    assert block_tokens(block) == tokens


@given(st.text(), st.text())
def test_parts_never_count_less_than_the_whole(first: str, second: str) -> None:
    together, apart = text_tokens(first + second), text_tokens(first) + text_tokens(second)

    assert together <= apart <= together + 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text().filter(lambda key: key != "cache_control"), json_values, max_size=4))
def test_a_cache_mark_changes_nothing(block: dict[str, Any]) -> None:
    marked = {"cache_control": {"type": "ephemeral"}, **block}

    assert canonical(marked) == canonical(block)
    assert block_tokens(marked) == block_tokens(block)


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical({"type": "text", "text": "a"}) == canonical({"text": "a", "type": "text"})
