"""The models whose counters exist at 0 from the start: `increase()` loses nothing of the first call."""

from __future__ import annotations

from typing import Final

CURRENT_MODELS: Final = (
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-mythos-5-1",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-mythos-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-opus-4-5",
)
"""`anthropic.types.Model` of the official SDK, 2.12, as `model` labels, without the deprecated ones."""
