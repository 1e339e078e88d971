"""The text: any length, any beginning, and everything that parsers stumble over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.standin.text import chunks, spoken
from tokentape.recorder.standin.tokens import text_tokens


@given(st.integers(0, 2000), st.integers(0, 10**9))
def test_a_text_costs_what_was_asked_for(tokens: int, seed: int) -> None:
    assert text_tokens(spoken(tokens, seed)) == tokens


@given(st.text(), st.integers(1, 50))
def test_pieces_make_the_text(text: str, tokens: int) -> None:
    pieces = chunks(text, tokens)

    assert "".join(pieces) == text
    assert all(text_tokens(piece) == tokens for piece in pieces[:-1])


def test_it_holds_every_width_of_utf8_and_what_json_escapes() -> None:
    text = spoken(1000, 0)

    assert {len(character.encode()) for character in text} == {1, 2, 3, 4}
    assert set('"\\\n') <= set(text)
