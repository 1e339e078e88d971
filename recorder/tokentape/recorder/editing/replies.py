"""A reply as documents: the events of a stream, and the message that they amount to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.sse import EventSplitter, parse_event
from tokentape.proxy.messages.tolerant import is_array, is_object

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Response

_STREAM_BEGINS: Final = (b"event:", b"data:")
_PIECES: Final = {"text": "text", "thinking": "thinking", "partial_json": "input", "signature": "signature"}
"""Members of deltas, and the block's members that they add to."""


def is_stream(response: Response) -> bool:
    """By its header, or by its bytes: some recorders redact even the content type."""
    return response.streamed or response.body.lstrip().startswith(_STREAM_BEGINS)


def events_of(response: Response) -> list[Any]:
    """The data of each event, parsed; what is no JSON is its text. An event without data is none."""
    splitter = EventSplitter()
    blocks = [*splitter.feed(response.body), splitter.flush()]
    return [_value(data) for block in blocks if (data := parse_event(block)[1])]


def message_of(response: Response) -> dict[str, Any] | None:
    """The message that a reply is or amounts to, as far as it came; `None` where it is none.

    The `input` of a tool use is its JSON text where that cannot be parsed.
    """
    if is_stream(response):
        return _assembled([event for event in events_of(response) if is_object(event)])
    message = tolerant.parse(response.body)
    return message if is_object(message) and message.get("type") == "message" else None


def _value(data: bytes) -> Any:
    value = tolerant.parse(data)
    return data.decode("utf-8", "replace") if value is None else value


def _assembled(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    message: dict[str, Any] | None = None
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        kind, index, delta = event.get("type"), event.get("index"), event.get("delta")
        if kind == "message_start" and message is None and is_object(begun := event.get("message")):
            message = dict(begun)
        elif kind == "message_delta" and message is not None and is_object(delta):
            message.update(delta)
        elif isinstance(index, int) and is_object(block := event.get("content_block")):
            blocks[index] = dict(block)
        elif isinstance(index, int) and is_object(delta):
            _add(blocks.setdefault(index, {}), delta)
    if message is not None:
        message["content"] = [_whole(blocks[index]) for index in sorted(blocks)]
    return message


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for piece, member in _PIECES.items():
        if isinstance(more := delta.get(piece), str):
            before = block.get(member)
            block[member] = (before if isinstance(before, str) else "") + more


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    given = block.get("input")
    if isinstance(given, str):
        parsed = tolerant.parse(given.encode("utf-8", "replace"))
        return block | {"input": given if parsed is None else parsed}
    return block


def content_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The content blocks of a message, of a request or a reply; a plain text is one block."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if is_object(block)] if is_array(content) else []
