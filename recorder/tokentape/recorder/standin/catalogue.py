"""The models that exist, with what the stand-in must know of them.

Ids are those of `anthropic.types.Model`, and older ones that recorded traffic and price lists name.
The smallest cacheable prompts are those of
https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching; models newer than that list
have that of their predecessor, and the wider limits of today.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

_EPOCH: Final = "1970-01-01T00:00:00Z"
"""The API's date for what is not known."""


class Model(NamedTuple):
    """One model of the API. Sizes are tokens."""

    id: str
    cacheable: int = 1_024
    """The smallest prompt prefix that is cached."""
    context: int = 1_000_000
    output: int = 128_000
    lifecycle: str = "active"


MODELS: Final = (
    Model("claude-fable-5-2"),
    Model("claude-mythos-5-2", 4_096),
    Model("claude-haiku-5-5", 4_096),
    Model("claude-sonnet-5-5"),
    Model("claude-fable-5-1"),
    Model("claude-opus-5-5", 4_096),
    Model("claude-mythos-5-1", 4_096),
    Model("claude-sonnet-5"),
    Model("claude-fable-5"),
    Model("claude-mythos-5", 4_096),
    Model("claude-opus-5", 4_096),
    Model("claude-opus-4-8", 4_096),
    Model("claude-opus-4-7", 4_096),
    Model("claude-mythos-preview", 4_096, lifecycle="deprecated"),
    Model("claude-opus-4-6", 4_096),
    Model("claude-sonnet-4-6", 1_024, output=64_000),
    Model("claude-opus-4-5-20251101", 4_096, 200_000, 64_000),
    Model("claude-haiku-4-5-20251001", 4_096, 200_000, 64_000),
    Model("claude-sonnet-4-5-20250929", 1_024, 1_000_000, 64_000, "deprecated"),
    Model("claude-opus-4-1-20250805", 1_024, 200_000, 32_000),
    Model("claude-opus-4-20250514", 1_024, 200_000, 32_000, "deprecated"),
    Model("claude-sonnet-4-20250514", 1_024, 1_000_000, 64_000, "deprecated"),
    Model("claude-3-7-sonnet-20250219", 1_024, 200_000, 64_000, "deprecated"),
    Model("claude-3-5-haiku-20241022", 2_048, 200_000, 8_192, "deprecated"),
    Model("claude-3-haiku-20240307", 2_048, 200_000, 4_096, "deprecated"),
)

_DATED: Final = re.compile(r"(?P<alias>.*)-(?P<year>20\d\d)(?P<month>\d\d)(?P<day>\d\d)")


def _names(model: Model) -> tuple[str, ...]:
    dated = _DATED.fullmatch(model.id)
    if not dated:
        return (model.id,)
    alias = dated["alias"]
    more = (f"{alias}-0",) if alias.count("-") == 2 else (f"{alias}-latest",)
    return (model.id, alias, *more)


_BY_NAME: Final = {name: model for model in MODELS for name in _names(model)}


def find_model(name: str) -> Model | None:
    """The model of an id or an alias; a suffix in brackets, as in `claude-sonnet-4-6[1m]`, is allowed."""
    return _BY_NAME.get(name) or _BY_NAME.get(name.partition("[")[0])


def model_info(model: Model) -> dict[str, Any]:
    """The model as `GET /v1/models` tells it (`anthropic.types.ModelInfo`)."""
    dated = _DATED.fullmatch(model.id)
    words = (dated["alias"] if dated else model.id).split("-")[1:]
    line = next(word for word in words if word.isalpha())
    version = ".".join(word for word in words if word.isdigit())
    return {
        "type": "model",
        "id": model.id,
        "display_name": f"Claude {line.title()} {version or 'Preview'}",
        "created_at": f"{dated['year']}-{dated['month']}-{dated['day']}T00:00:00Z" if dated else _EPOCH,
        "deprecated_at": _EPOCH if model.lifecycle == "deprecated" else None,
        "lifecycle": model.lifecycle,
        "line": line,
        "max_input_tokens": model.context,
        "max_tokens": model.output,
        "retires_at": None,
        "capabilities": None,
    }
