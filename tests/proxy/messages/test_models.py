"""The model label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.models import MAX_MODEL, NO_MODEL, model_label


@pytest.mark.parametrize(
    ("named", "label"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"),
        ("claude-opus-4-1", "claude-opus-4-1"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-latest"),
        ("claude-opus-4-10", "claude-opus-4-10"),
        ("claude-x-2025092", "claude-x-2025092"),
        ("claude-x-202509290", "claude-x-202509290"),
        ("anthropic.claude-sonnet-4-20250514-v1:0", "anthropic.claude-sonnet-4-20250514-v1:0"),
        ("my-own-model", "my-own-model"),
        ("[1m]", NO_MODEL),
        ("", NO_MODEL),
        (None, NO_MODEL),
    ],
)
def test_a_label_is_the_name_less_date_and_suffix(named: str | None, label: str) -> None:
    assert model_label(named) == label


@given(st.text())
def test_a_label_is_never_empty_and_never_long(named: str) -> None:
    assert 0 < len(model_label(named)) <= MAX_MODEL
