"""A streamed reply: events in, running counts out.

A stream costs the same however long it is: no delta is kept but the tool input of the open block,
which is needed whole to be hashed, and that is bounded. Events and delta types are those of
`RawMessageStreamEvent` and `BetaRawContentBlockDelta` of the official SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.errors import read_error, request_id_of
from tokentape.proxy.messages.reply import (
    TOOL_TYPES,
    add_tool_call,
    count_text,
    hash_input,
    read_content,
    tool_call,
)
from tokentape.proxy.messages.sse import EventSplitter, parse_event

if TYPE_CHECKING:
    from tokentape.proxy.messages.reply import Reply

MAX_TOOL_INPUT: Final = 40 * 1024
"""Bytes of tool input held at a time. A longer input has no digest."""

MAX_OPEN_BLOCKS: Final = 64
"""The API has one open block at a time."""


class _Text(msgspec.Struct, tag="text_delta", gc=False):
    text: str


class _Thinking(msgspec.Struct, tag="thinking_delta", gc=False):
    thinking: str


class _Input(msgspec.Struct, tag="input_json_delta", gc=False):
    partial_json: str


class _Signature(msgspec.Struct, tag="signature_delta", gc=False):
    pass


class _Citations(msgspec.Struct, tag="citations_delta", gc=False):
    pass


class _Compaction(msgspec.Struct, tag="compaction_delta", gc=False):
    content: str | None = None


class _Delta(msgspec.Struct, gc=False):
    index: int
    delta: _Text | _Thinking | _Input | _Signature | _Citations | _Compaction


_DELTA_TYPES: Final = frozenset(
    {
        "text_delta",
        "thinking_delta",
        "input_json_delta",
        "signature_delta",
        "citations_delta",
        "compaction_delta",
    }
)
_decode_delta = msgspec.json.Decoder(_Delta).decode
# How the API writes the event that nearly all are: found here, it needs no parsing of lines.
_DELTA_HEAD: Final = b"event: content_block_delta\ndata: "
_DELTA_START: Final = len(_DELTA_HEAD)


class _OpenBlock:
    """A tool use block whose input is still coming."""

    __slots__ = ("block", "characters", "input", "kind")

    def __init__(self, block: dict[str, Any], kind: str) -> None:
        self.block = {key: block.get(key) for key in ("id", "name", "input")}
        self.kind = kind
        self.input: bytearray | None = bytearray()
        """JSON so far; `None` once it was too long."""
        self.characters = 0

    def digest(self, salt: bytes) -> str | None:
        """Salted hash of the input; without a delta it is the one that the block began with."""
        if self.input is None:
            return None
        value = tolerant.parse(bytes(self.input)) if self.input else self.block.get("input")
        return hash_input(salt, value)[1] if tolerant.is_object(value) else None


class MessageStream:
    """Fills a `Reply` from the bytes of an event stream, and keeps the times of its events."""

    __slots__ = (
        "_cut_start",
        "_held",
        "_open",
        "_reply",
        "_salt",
        "_splitter",
        "first_event",
        "first_token",
        "first_token_any",
        "largest_gap",
        "last_event",
        "last_token",
        "partial",
    )

    def __init__(self, reply: Reply, salt: bytes, *, resumed: bool = False) -> None:
        self._reply = reply
        self._salt = salt
        self._splitter = EventSplitter()
        self._open: dict[int, _OpenBlock] = {}
        self._held = 0
        # A stream joined under way may begin in the middle of an event; that is nobody's error.
        self._cut_start = resumed
        self.partial = resumed
        """The beginning was not seen, so the first times are not those of the stream."""
        self.first_event: float | None = None
        self.first_token: dict[str, float] = {}
        self.first_token_any: float | None = None
        self.last_token: float | None = None
        self.last_event: float | None = None
        self.largest_gap: float | None = None

    def feed(self, data: bytes, at: float) -> None:
        """Take bytes that came in at a monotonic time."""
        events = self._splitter.feed(data)
        if events:
            self._events(events, at)

    @property
    def lost(self) -> bool:
        """Events were too long to be read."""
        return self._splitter.dropped > 0

    def finish(self, at: float, *, complete: bool) -> None:
        """The stream ended. Where nothing cut it off, a last event without its empty line counts too."""
        rest = self._splitter.flush()
        if complete and rest and tolerant.parse(parse_event(rest)[1]) is not None:
            self._events([rest], at)
        if self.lost:
            self._reply.notes.error("event_too_large")
        for index in list(self._open):
            self._close(index, stopped=False)

    def _events(self, events: list[bytes], at: float) -> None:
        seen = False
        for event in events:
            if event.startswith(_DELTA_HEAD):
                try:
                    decoded = _decode_delta(event[_DELTA_START:])
                except tolerant.BROKEN:
                    seen = self._event(event, at) or seen
                else:
                    seen = True
                    self._delta(decoded, at)
            elif event:
                seen = self._event(event, at) or seen
        if seen:
            self._seen(at)

    def _seen(self, at: float) -> None:
        if self.last_event is None:
            self.first_event = at
        elif self.largest_gap is None or at - self.last_event > self.largest_gap:
            self.largest_gap = at - self.last_event
        self.last_event = at

    def _delta(self, event: _Delta, at: float) -> None:
        self._token(at)
        delta = event.delta
        if isinstance(delta, _Text):
            kind, characters = "text", len(delta.text)
        elif isinstance(delta, _Input):
            kind, characters = "tool_use", len(delta.partial_json)
            self._tool_input(event.index, delta.partial_json)
        elif isinstance(delta, _Thinking):
            kind, characters = "thinking", len(delta.thinking)
        else:
            if isinstance(delta, _Compaction) and delta.content:
                self._reply.wrote("compaction", len(delta.content))
            return
        if kind not in self.first_token:
            self.first_token[kind] = at
        self._reply.wrote(kind, characters)

    def _token(self, at: float) -> None:
        if self.first_token_any is None:
            self.first_token_any = at
        self.last_token = at

    def _event(self, block: bytes, at: float) -> bool:
        """Take one event of any kind; whether there was one."""
        name, data = parse_event(block)
        cut, self._cut_start = self._cut_start, False
        if not data:
            return False
        value = tolerant.parse(data)
        if tolerant.is_object(value):
            # The SDK goes by the event's name for these two, and by the data's type for all others.
            kind = name if name in {"error", "ping"} else value.get("type") or name
            self._understand(kind, value, at)
        elif name == "error":
            self._understand(name, {}, at)
        elif not cut:
            self._reply.notes.error("event_json")
        return True

    def _understand(self, kind: object, value: dict[str, Any], at: float) -> None:
        match kind:
            case "content_block_delta":
                self._unusual_delta(value, at)
            case "content_block_start":
                self._block_start(value)
            case "content_block_stop":
                self._block_stop(value)
            case "message_start":
                self._message_start(value)
            case "message_delta":
                self._message_delta(value)
            case "message_stop":
                self._reply.complete = True
            case "ping":
                pass
            case "error":
                self._error(value)
            case _:
                self._reply.notes.unfamiliar("event", kind)

    def _unusual_delta(self, value: dict[str, Any], at: float) -> None:
        """A delta that was written in an unusual way, or of a type that is not known."""
        try:
            self._delta(msgspec.convert(value, _Delta), at)
        except tolerant.BROKEN:
            self._token(at)
            delta = value.get("delta")
            kind = delta.get("type") if tolerant.is_object(delta) else None
            if isinstance(kind, str) and kind in _DELTA_TYPES:
                self._reply.notes.error("event_shape")
            else:
                self._reply.notes.unfamiliar("delta", kind)

    def _message_start(self, value: dict[str, Any]) -> None:
        message = value.get("message")
        if not tolerant.is_object(message):
            self._reply.notes.error("event_shape")
            return
        self.partial = False
        self._reply.message(message)
        self._reply.usage.start(message.get("usage"))
        read_content(message.get("content"), self._reply, self._salt)

    def _message_delta(self, value: dict[str, Any]) -> None:
        delta = value.get("delta")
        if tolerant.is_object(delta):
            self._reply.stopped(delta)
        self._reply.usage.update(value.get("usage"))

    def _error(self, value: dict[str, Any]) -> None:
        if self._reply.error is None:
            self._reply.error = read_error(value, "api_error")
            self._reply.request_id = request_id_of(value)

    def _block_start(self, value: dict[str, Any]) -> None:
        block, index = value.get("content_block"), value.get("index")
        if not tolerant.is_object(block) or not isinstance(index, int):
            self._reply.notes.error("event_shape")
            return
        kind = self._reply.block(block.get("type"))
        if kind not in TOOL_TYPES:
            count_text(block, kind, self._reply)
            return
        self._close(index, stopped=False)
        if len(self._open) < MAX_OPEN_BLOCKS:
            self._open[index] = _OpenBlock(block, kind)

    def _tool_input(self, index: int, partial_json: str) -> None:
        opened = self._open.get(index)
        if opened is None:
            return
        opened.characters += len(partial_json)
        if opened.input is None:
            return
        data = partial_json.encode()
        self._held += len(data)
        if self._held <= MAX_TOOL_INPUT:
            opened.input += data
        else:
            self._held -= len(data) + len(opened.input)
            opened.input = None

    def _block_stop(self, value: dict[str, Any]) -> None:
        index = value.get("index")
        if isinstance(index, int):
            self._close(index, stopped=True)

    def _close(self, index: int, *, stopped: bool) -> None:
        """A tool use block ends; one that was never stopped has no digest."""
        opened = self._open.pop(index, None)
        if opened is None:
            return
        self._held -= len(opened.input or b"")
        hashed = opened.digest(self._salt) if stopped else None
        name, call_id = opened.block.get("name"), opened.block.get("id")
        add_tool_call(self._reply, tool_call(name, call_id, opened.kind, hashed, opened.characters))
