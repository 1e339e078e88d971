"""Token counts, deterministic and additive: four characters a token, counted block by block.

So a prefix of a prompt never counts more than the prompt, and cached and uncached parts add up.
"""

from __future__ import annotations

from typing import Any, Final, TypeGuard

import msgspec

CHARACTERS: Final = 4
"""Characters a token, about what English text comes to."""
IMAGE: Final = 1_600
"""Tokens of an image: the API's most, for 1.15 megapixels (width x height / 750)."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """It is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """It is a JSON array."""
    return isinstance(value, list)


def text_tokens(text: str) -> int:
    """Tokens of a text."""
    return -(-len(text) // CHARACTERS)


def block_tokens(block: dict[str, Any]) -> int:
    """Tokens of a content block, a tool definition or any other JSON object of a prompt."""
    kind = block.get("type")
    if kind == "text" and isinstance(text := block.get("text"), str):
        return text_tokens(text)
    if kind == "image":
        return IMAGE
    if kind == "tool_result" and isinstance(content := block.get("content"), str):
        return text_tokens(content)
    if kind == "tool_result" and is_array(content := block.get("content")):
        return sum(block_tokens(part) for part in content if is_object(part))
    return -(-len(canonical(block)) // CHARACTERS)


def canonical(block: dict[str, Any]) -> bytes:
    """The JSON of a block without its cache mark: what the prompt cache compares."""
    if "cache_control" in block:
        block = {key: value for key, value in block.items() if key != "cache_control"}
    return _encode(block)
