"""The models whose counters exist from the start."""

from __future__ import annotations

from typing import get_args

from anthropic.resources.messages.messages import DEPRECATED_MODELS
from anthropic.types import Model

from tokentape.cli.models import CURRENT_MODELS
from tokentape.proxy.messages.models import model_label


def test_they_are_the_official_sdks_models_without_the_deprecated_ones() -> None:
    names = get_args(get_args(Model)[0])
    current = {model_label(name) for name in names} - {model_label(name) for name in DEPRECATED_MODELS}
    assert set(CURRENT_MODELS) == current
    assert len(CURRENT_MODELS) == len(current)
