"""A request as a conversation: its messages one by one, so that those of two requests can be compared.

What a client sends back of a reply is seldom the reply itself: thinking is left out, nulls and citations
come and go, texts are trimmed. So a turn of the assistant has an essence: its texts and the tools it
called with what. The ids of tool calls, which the API draws at random, are named by where they stand.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.messages.tolerant import is_array, is_object, parse
from tokentape.recorder.matching.canonical import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.recorder.matching.keys import Reading

_SIZE: Final = 16
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})


class Turn(msgspec.Struct, frozen=True):
    """One message."""

    digest: bytes
    """Of the message without what is volatile, ids of tool calls by their place."""
    essence: bytes | None = None
    """Of what the assistant said; `None` for a user's message."""


class Conversation(msgspec.Struct, frozen=True):
    """The messages of a request, and all else in it."""

    frame: bytes
    """Digest of everything but the messages."""
    turns: tuple[Turn, ...]

    @property
    def under_way(self) -> bool:
        """The assistant has spoken."""
        return any(turn.essence is not None for turn in self.turns)


def conversation_of(reading: Reading) -> Conversation | None:
    """The conversation that a request continues; `None` where it is none."""
    value = reading.value
    messages = value.get("messages") if is_object(value) else None
    if not is_array(messages) or not messages or not all(map(is_object, messages)):
        return None
    odd = reading.body.odd
    frame = encode({key: each for key, each in value.items() if key != "messages"}, odd=odd)
    return Conversation(
        frame=digest(reading.head.normal.encode("utf-8", "surrogatepass"), frame),
        turns=tuple(_turns(messages, odd=odd)),
    )


def essence(content: Any, *, odd: bool = False) -> bytes:
    """Digest of what the assistant said, the same for a reply and for what clients make of it."""
    said: list[Any] = []
    text: list[str] = []
    for block in content if is_array(content) else [{"type": "text", "text": content}]:
        kind = block.get("type") if is_object(block) else None
        if not is_object(block) or kind in _THOUGHTS:
            continue
        if kind == "text" and isinstance(block.get("text"), str):
            text.append(block["text"])
            continue
        _end_text(text, said)
        called = isinstance(kind, str) and kind.endswith("tool_use")
        said.append([kind, block.get("name"), block.get("input")] if called else [kind])
    _end_text(text, said)
    return digest(encode(said, odd=odd))


def _end_text(text: list[str], said: list[Any]) -> None:
    """Texts that follow each other are one, whatever blocks they came in."""
    if whole := "".join(text).strip():
        said.append(_structured(whole) if whole[0] in "{[" else whole)
    text.clear()


def _structured(text: str) -> Any:
    """What structured output says: clients that parse it write it anew. Other text is as it is."""
    value = parse(text.encode("utf-8", "surrogatepass"))
    return text if value is None else [value]


def digest(*parts: bytes) -> bytes:
    """A hash of parts one after the other."""
    return sha256(b"\n".join(parts)).digest()[:_SIZE]


def _turns(messages: list[dict[str, Any]], *, odd: bool) -> Iterable[Turn]:
    names: dict[str, str] = {}
    for place, message in enumerate(messages):
        content = message.get("content")
        said = message.get("role") == "assistant"
        if is_array(content):
            if said:
                names.update(_tool_calls(content, place))
            message = message | {"content": [_named(block, names) for block in content]}  # noqa: PLW2901  # a copy
        yield Turn(digest(encode(message, odd=odd)), essence(content, odd=odd) if said else None)


def _tool_calls(blocks: list[Any], place: int) -> dict[str, str]:
    """Names for the ids of the tools that a message calls."""
    ids = [block["id"] for block in blocks if is_object(block) and isinstance(block.get("id"), str)]
    return {each: f"{place}.{number}" for number, each in enumerate(ids)}


def _named(block: Any, names: dict[str, str]) -> Any:
    """A block with the id of its tool call replaced by its name."""
    if not is_object(block):
        return block
    replaced = {
        key: names[value]
        for key in ("id", "tool_use_id")
        if isinstance(value := block.get(key), str) and value in names
    }
    return block | replaced if replaced else block
