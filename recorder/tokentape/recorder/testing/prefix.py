"""The prefix that a prompt cache keeps: its blocks in the API's order, and which of them moved.

A cache holds everything up to a `cache_control` mark, in the order tools, system, messages
(https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching). A later request reads it only if it
begins with the same blocks; the marks themselves may be elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.tolerant import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

_AROUND = 40
"""Characters shown on either side of the first that differs."""


class Block(msgspec.Struct, frozen=True):
    """A block of a request."""

    path: str
    """Such as `tools[0]`, `system[1]` or `messages[2].content[0]`."""
    text: str
    """Canonical JSON, without its mark."""
    marked: bool


def blocks_of(body: bytes) -> list[Block]:
    """The blocks of a request in the cache's order; none where it is no message request."""
    request = tolerant.parse(body)
    if not is_object(request):
        return []
    blocks = list(_blocks(request))
    if blocks and request.get("cache_control"):
        last = blocks[-1]
        blocks[-1] = Block(last.path, last.text, marked=True)
    return blocks


def marked_prefix(blocks: list[Block]) -> list[Block]:
    """The blocks up to the last mark; without any, tools and system, which are what is usually kept."""
    ends = [place for place, block in enumerate(blocks, 1) if block.marked]
    if ends:
        return blocks[: ends[-1]]
    return [block for block in blocks if not block.path.startswith("messages")]


def moved(prefix: list[Block], blocks: list[Block]) -> str | None:
    """Which block of a prefix is not the same in a later request, and where; `None`: all are."""
    for place, block in enumerate(prefix):
        if place >= len(blocks):
            return f"{block.path} is gone"
        other = blocks[place]
        if block.path != other.path:
            return f"{block.path} is gone, and {other.path} stands in its place"
        if block.text != other.text:
            before, after = _around(block.text, other.text)
            return f"{block.path} changed: {before} became {after}"
    return None


def _blocks(request: dict[str, Any]) -> Iterator[Block]:
    yield from _listed("tools", request.get("tools"))
    yield from _listed("system", request.get("system"))
    messages = request.get("messages")
    for number, message in enumerate(messages if is_array(messages) else []):
        if is_object(message):
            yield from _listed(f"messages[{number}].content", message.get("content"))


def _listed(path: str, value: Any) -> Iterator[Block]:
    if isinstance(value, str):
        value = [{"type": "text", "text": value}]
    for number, block in enumerate(value if is_array(value) else []):
        marked = is_object(block) and bool(block.get("cache_control"))
        kept = (
            {key: one for key, one in block.items() if key != "cache_control"} if is_object(block) else block
        )
        yield Block(f"{path}[{number}]", msgspec.json.encode(kept, order="sorted").decode(), marked)


def _around(one: str, other: str) -> tuple[str, str]:
    at = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, at - _AROUND)
    return tuple(  # type: ignore[return-value]  # two texts give two
        f"{'…' if start else ''}{text[start : at + _AROUND]}{'…' if at + _AROUND < len(text) else ''}"
        for text in (one, other)
    )
