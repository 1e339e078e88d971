"""A reply: what the API said, gathered from one JSON body or from the events of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.call import ToolCall
from tokentape.proxy.messages.errors import read_error
from tokentape.proxy.messages.hashing import canonical, digest
from tokentape.proxy.messages.plain import few, plain_message, usage_of
from tokentape.proxy.messages.usage import UsageMerge

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import CallError
    from tokentape.proxy.messages.plain import PlainMessage
    from tokentape.proxy.messages.tolerant import Notes

MAX_TOOL_CALLS: Final = 256
"""Tool calls kept of one reply; `blocks` counts them all."""

MAX_BLOCK_TYPES: Final = 32

TOOL_TYPES: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})

BLOCK_TYPES: Final = TOOL_TYPES | {
    "text",
    "thinking",
    "redacted_thinking",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "container_upload",
    "mcp_tool_result",
    "mcp_tool_listing",
    "advisor_tool_result",
    "compaction",
    "fallback",
}
"""Types of `ContentBlock` and `BetaContentBlock` of the official SDK."""


class Reply:
    """Facts of one reply, filled in as they come. Holds counts and hashes, no text."""

    __slots__ = (
        "batch_id",
        "batch_size",
        "blocks",
        "cache_miss_reason",
        "characters",
        "complete",
        "cut_off",
        "error",
        "message_id",
        "model",
        "notes",
        "request_id",
        "stop_reason",
        "tool_calls",
        "usage",
    )

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.usage = UsageMerge(notes)
        self.message_id: str | None = None
        self.model: str | None = None
        self.stop_reason: str | None = None
        self.cache_miss_reason: str | None = None
        self.blocks: dict[str, int] = {}
        self.characters: dict[str, int] = {}
        self.tool_calls: list[ToolCall] = []
        self.error: CallError | None = None
        self.request_id: str | None = None
        self.batch_id: str | None = None
        self.batch_size: int | None = None
        self.complete = False
        """The reply was seen to its end."""
        self.cut_off = False
        """The JSON of the reply has no end."""

    def message(self, message: dict[str, Any]) -> None:
        """Take what whole messages and the one in `message_start` have in common."""
        self.message_id = tolerant.text(message.get("id")) or self.message_id
        self.model = tolerant.text(message.get("model")) or self.model
        self.diagnostics(message)

    def diagnostics(self, holder: dict[str, Any]) -> None:
        """Take `diagnostics.cache_miss_reason.type` (type `Diagnostics` of the SDK)."""
        found: Any = holder.get("diagnostics")
        reason: Any = found.get("cache_miss_reason") if tolerant.is_object(found) else None
        if tolerant.is_object(reason):
            self.cache_miss_reason = tolerant.text(reason.get("type"), 64)

    def stopped(self, holder: dict[str, Any]) -> None:
        """Take a stop reason; a null one changes nothing."""
        self.stop_reason = tolerant.text(holder.get("stop_reason"), 64) or self.stop_reason

    def block(self, kind: object) -> str:
        """Count a content block and give its type as a name."""
        if isinstance(kind, str) and kind in BLOCK_TYPES:
            block_type = kind
        else:
            self.notes.unfamiliar("block", kind)
            block_type = tolerant.name(kind) if len(self.blocks) < MAX_BLOCK_TYPES else "other"
        self.blocks[block_type] = self.blocks.get(block_type, 0) + 1
        return block_type

    def wrote(self, kind: str, characters: int) -> None:
        """Count characters of a block kind."""
        self.characters[kind] = self.characters.get(kind, 0) + characters


def read_message_body(body: bytes, reply: Reply, salt: bytes) -> None:
    """Fill `reply` from the JSON body of a reply that is no stream."""
    plain = plain_message(body)
    if plain is None:
        read_any_body(body, reply, salt)
    else:
        _read_plain(plain, reply, salt)


def _read_plain(message: PlainMessage, reply: Reply, salt: bytes) -> None:
    reply.message_id = tolerant.text(message.id)
    reply.model = few(message.model)
    reply.stop_reason = tolerant.text(message.stop_reason, 64)
    reply.usage.take(usage_of(message.usage))
    for block in message.content:
        kind = reply.block(block.type)
        if kind in {"text", "thinking"}:
            said = block.text if kind == "text" else block.thinking
            if said:
                reply.wrote(kind, len(said))
        elif kind in TOOL_TYPES:
            value = None if block.input is UNSET else tolerant.parse(block.input)
            characters, hashed = hash_input(salt, value)
            reply.wrote("tool_use", characters)
            add_tool_call(reply, tool_call(block.name, block.id, kind, hashed, characters))
    reply.complete = True


def read_any_body(body: bytes, reply: Reply, salt: bytes) -> None:
    """The same for a body of any shape, however strange."""
    message = tolerant.parse(body)
    if not tolerant.is_object(message):
        reply.cut_off = tolerant.is_cut_off(body)
        if not reply.cut_off:
            reply.notes.error("reply_json")
        return
    if message.get("type") == "error":
        reply.error = read_error(message, "api_error")
        return
    reply.message(message)
    reply.stopped(message)
    reply.usage.update(message.get("usage"))
    read_content(message.get("content"), reply, salt)
    reply.complete = True


def read_content(content: object, reply: Reply, salt: bytes) -> None:
    """Count the content blocks of a message."""
    if not tolerant.is_array(content):
        reply.notes.error("reply_shape")
        return
    for block in content:
        if tolerant.is_object(block):
            _read_block(block, reply, salt)


def _read_block(block: dict[str, Any], reply: Reply, salt: bytes) -> None:
    kind = reply.block(block.get("type"))
    if kind not in TOOL_TYPES:
        count_text(block, kind, reply)
        return
    characters, hashed = hash_input(salt, block.get("input"))
    reply.wrote("tool_use", characters)
    add_tool_call(reply, tool_call(block.get("name"), block.get("id"), kind, hashed, characters))


def count_text(block: dict[str, Any], kind: str, reply: Reply) -> None:
    """Count the characters of a text or thinking block."""
    value = block.get(kind) if kind in {"text", "thinking"} else None
    if isinstance(value, str) and value:
        reply.wrote(kind, len(value))


def hash_input(salt: bytes, value: object) -> tuple[int, str | None]:
    """Characters of a tool input's canonical JSON, and its salted hash (`digest_input`)."""
    try:
        data = canonical(value)
    except RecursionError:
        return 0, None
    return len(data.decode()), digest(salt, b"input", data)


def tool_call(name: object, call_id: object, kind: str, hashed: str | None, characters: int) -> ToolCall:
    """The tool call of a tool use block."""
    return ToolCall(
        name=tolerant.text(name, 128) or "unknown",
        id=tolerant.text(call_id, 128),
        block_type=kind,
        input_digest=hashed,
        input_characters=characters,
    )


def add_tool_call(reply: Reply, call: ToolCall) -> None:
    """Keep a tool call, if there is room."""
    if len(reply.tool_calls) < MAX_TOOL_CALLS:
        reply.tool_calls.append(call)
