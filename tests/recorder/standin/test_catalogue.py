"""The models: all that the SDK knows, by id and alias."""

from __future__ import annotations

from typing import get_args

import pytest
from anthropic.types import Model as SdkModel
from anthropic.types import ModelInfo

from tokentape.recorder.standin.catalogue import MODELS, find_model, model_info


def test_every_model_of_the_sdk_exists() -> None:
    names = get_args(get_args(SdkModel)[0])

    assert len(names) > 20
    assert [name for name in names if find_model(name) is None] == []


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("claude-opus-5", "claude-opus-5"),
        ("claude-opus-4-5", "claude-opus-4-5-20251101"),
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
        ("claude-sonnet-4-6[1m]", "claude-sonnet-4-6"),
        ("claude-opus-4-10", None),
        ("claude-opus-4-6-fast", None),
        ("", None),
    ],
)
def test_a_name_is_an_id_an_alias_or_nothing(name: str, served: str | None) -> None:
    model = find_model(name)

    assert (model.id if model else None) == served


def test_every_model_can_be_told() -> None:
    for model in MODELS:
        info = ModelInfo.model_validate(model_info(model))

        assert info.model_extra == {}
        assert model.cacheable < model.output < model.context


@pytest.mark.parametrize(
    ("name", "display"),
    [
        ("claude-fable-5-2", "Claude Fable 5.2"),
        ("claude-3-5-haiku-20241022", "Claude Haiku 3.5"),
        ("claude-mythos-preview", "Claude Mythos Preview"),
    ],
)
def test_names_for_people(name: str, display: str) -> None:
    model = find_model(name)
    assert model is not None

    assert model_info(model)["display_name"] == display
