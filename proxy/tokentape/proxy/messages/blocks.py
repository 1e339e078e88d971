"""Content blocks of a request, as far as they are looked at.

Every field that can be long stays raw JSON: the decoder skips it and the encoder copies it. Marks,
media and nested blocks are found by structure. Types: `ContentBlockParam`, `ToolResultBlockParam`,
`DocumentBlockParam` and their beta forms in the official SDK.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.hashing import canonical_lines
from tokentape.proxy.messages.reply import TOOL_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH: Final = 4
"""Levels of blocks in blocks: message, tool result, document, its content."""

MAX_TTLS: Final = 8
"""Distinct ttls kept; the API knows two."""

TOOL_LOOP: Final = 5
"""Identical tool calls in one request that make a loop."""

DEFAULT_TTL: Final = "5m"
"""What a mark without a ttl means (type `CacheControlEphemeralParam` of the SDK)."""

encode: Final = msgspec.json.Encoder().encode

RawField = Raw | UnsetType


class Block(msgspec.Struct, omit_defaults=True):
    """One content block; fields that are not here play no part in the prompt's prefix."""

    type: str = ""
    text: RawField = UNSET
    cache_control: RawField = UNSET
    id: RawField = UNSET
    name: RawField = UNSET
    input: RawField = UNSET
    tool_use_id: RawField = UNSET
    content: RawField = UNSET
    source: RawField = UNSET
    is_error: RawField = UNSET
    title: RawField = UNSET
    context: RawField = UNSET
    citations: RawField = UNSET
    thinking: RawField = UNSET
    signature: RawField = UNSET
    data: RawField = UNSET
    encrypted_content: RawField = UNSET


class _Source(msgspec.Struct):
    content: RawField = UNSET


def starts_with(field: RawField, start: bytes) -> bool:
    """Whether a raw field begins with these bytes; long fields are not copied."""
    return isinstance(field, Raw) and bytes(memoryview(field)[: len(start)]) == start


_decode_blocks = msgspec.json.Decoder(list[Block]).decode
_decode_source = msgspec.json.Decoder(_Source).decode


class Census:
    """Counts what stands in the blocks of one request."""

    __slots__ = ("documents", "images", "marks", "tool_uses", "ttls")

    def __init__(self) -> None:
        self.images = 0
        self.documents = 0
        self.marks = 0
        self.ttls: set[str] = set()
        self.tool_uses: list[tuple[RawField, RawField]] = []

    def mark(self, cache_control: RawField) -> None:
        """Count a `cache_control` mark; a null one is none."""
        value = tolerant.parse(cache_control) if isinstance(cache_control, Raw) else None
        if tolerant.is_object(value):
            self.marks += 1
            if len(self.ttls) < MAX_TTLS:
                self.ttls.add(tolerant.text(value.get("ttl"), 16) or DEFAULT_TTL)

    def blocks(self, blocks: Iterable[Block], *, assistant: bool = False, depth: int = 1) -> None:
        """Count blocks, and take their marks off, so that what is left is what the API caches."""
        for block in blocks:
            if block.cache_control is not UNSET:
                self.mark(block.cache_control)
                block.cache_control = UNSET
            if block.type != "text":
                self._special(block, assistant=assistant, depth=depth)

    def _special(self, block: Block, *, assistant: bool, depth: int) -> None:
        if block.type == "image":
            self.images += 1
        elif block.type == "document":
            self.documents += 1
            self._document(block, depth)
        elif block.type in TOOL_TYPES:
            if assistant:
                self.tool_uses.append((block.name, block.input))
        elif block.content is not UNSET:
            block.content = self._nested(block.content, depth)

    def _document(self, block: Block, depth: int) -> None:
        """The blocks inside a document of source type `content`."""
        if isinstance(block.source, Raw):
            try:
                source = _decode_source(block.source)
            except tolerant.BROKEN:
                return
            self._nested(source.content, depth)

    def _nested(self, content: RawField, depth: int) -> RawField:
        """Count the blocks in the content of a block; gives it back without marks."""
        if not isinstance(content, Raw) or depth >= MAX_DEPTH or not starts_with(content, b"["):
            return content
        try:
            blocks = _decode_blocks(content)
        except tolerant.BROKEN:
            return content
        before = self.marks
        self.blocks(blocks, depth=depth + 1)
        return Raw(encode(blocks)) if self.marks > before else content

    def repeated_tool(self) -> tuple[int, str | None]:
        """How often the most frequent of the pairs of tool name and canonical input occurs, and that tool."""
        [(pair, number)] = Counter(_canonical_lines(self.tool_uses)).most_common(1)
        name = tolerant.parse(pair)
        return number, tolerant.text(name[0], 128) if tolerant.is_array(name) else None


def _canonical_lines(pairs: list[tuple[RawField, RawField]]) -> list[bytes]:
    """Each pair as one line of canonical JSON, in few calls: agents repeat their whole history each turn."""
    raw = encode([[None if field is UNSET else field for field in pair] for pair in pairs])
    try:
        return canonical_lines(tolerant.parse(raw))
    except RecursionError:
        return [encode(pair) for pair in pairs]
