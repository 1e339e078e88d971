"""What a recorded reply said, as the content that a client puts into its next request.

Streams are put together as the SDK does it (`anthropic/lib/streaming` accumulates blocks by index).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.sse import EventSplitter, parse_event
from tokentape.proxy.messages.tolerant import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.recorder.cassette.interaction import Response


def content_of(response: Response) -> list[Any] | None:
    """The content blocks of a message reply; `None` where it is no message."""
    if response.streamed or response.body.lstrip().startswith((b"event:", b"data:")):
        return _assembled(_events(response.body))
    message = tolerant.parse(response.body)
    content = message.get("content") if is_object(message) else None
    return content if is_array(content) else None


def _events(body: bytes) -> Iterable[dict[str, Any]]:
    splitter = EventSplitter()
    for block in [*splitter.feed(body), splitter.flush()]:
        value = tolerant.parse(parse_event(block)[1])
        if is_object(value):
            yield value


class _Block:
    """A content block that comes in pieces."""

    __slots__ = ("block", "input", "text")

    def __init__(self, block: dict[str, Any]) -> None:
        self.block = block
        self.text: list[str] = []
        self.input: list[str] = []

    def add(self, delta: dict[str, Any]) -> None:
        for key, pieces in (("text", self.text), ("partial_json", self.input)):
            if isinstance(piece := delta.get(key), str):
                pieces.append(piece)

    def whole(self) -> dict[str, Any]:
        if self.text:
            begun = self.block.get("text")
            self.block["text"] = (begun if isinstance(begun, str) else "") + "".join(self.text)
        if text := "".join(self.input):
            self.block["input"] = tolerant.parse(text.encode())
        return self.block


def _assembled(events: Iterable[dict[str, Any]]) -> list[Any] | None:
    blocks: dict[int, _Block] = {}
    begun = False
    for event in events:
        index, kind = event.get("index"), event.get("type")
        begun = begun or kind == "message_start"
        if not isinstance(index, int):
            continue
        if kind == "content_block_start" and is_object(block := event.get("content_block")):
            blocks[index] = _Block(block)
        elif kind == "content_block_delta" and is_object(delta := event.get("delta")) and index in blocks:
            blocks[index].add(delta)
    return [blocks[index].whole() for index in sorted(blocks)] if begun else None
