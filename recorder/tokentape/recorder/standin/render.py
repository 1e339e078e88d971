"""A Turn as bytes: the JSON of a whole message, or the events of a stream.

Events and their order are those of https://docs.anthropic.com/en/docs/build-with-claude/streaming
and of recorded traffic: usage comes whole in `message_start`, with a placeholder for the output, and
cumulative in `message_delta`; `ping` follows the first `content_block_start`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.recorder.standin.text import chunks
from tokentape.recorder.standin.turn import (
    RedactedThinking,
    SearchResult,
    ServerToolUse,
    Text,
    Thinking,
    ToolUse,
)
from tokentape.recorder.wire.body import PING

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.standin.turn import Block, Turn

_UNKNOWN: Final = b'event: vendor_news\ndata: {"type":"vendor_news","news":[1]}\n\n'
_DELTAS: Final = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
    "partial_json": "input_json_delta",
}
"""The field that a delta fills, and its type."""
_LONG: Final = 1_000_000
"""Characters beyond which a text's events are not kept for the next stream."""
_PLACEHOLDER: Final = 3
"""Output tokens that `message_start` speaks of, at most."""

_encode = msgspec.json.Encoder().encode


class Events:
    """The events of a stream.

    Attributes:
        data: each event as it is sent, empty line included.
        tokens: how many output tokens have been said when it has been sent.
    """

    __slots__ = ("data", "tokens")

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.tokens: list[int] = []

    def add(self, data: bytes, tokens: int) -> None:
        """Add an event."""
        self.data.append(data)
        self.tokens.append(tokens)


def message(turn: Turn) -> bytes:
    """The body of a reply that is no stream."""
    return _encode(message_object(turn))


def message_object(turn: Turn) -> dict[str, Any]:
    """The message as JSON values (`anthropic.types.Message`)."""
    return _message(turn, turn.blocks, turn.stop_reason, _usage(turn, turn.usage.output_tokens, whole=True))


def _message(
    turn: Turn, content: tuple[Block, ...], reason: str | None, usage: dict[str, Any]
) -> dict[str, Any]:
    ended = reason is not None
    return {
        "model": turn.model,
        "id": turn.id,
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": turn.stop_sequence if ended else None,
        "stop_details": turn.stop_details if ended else None,
        "usage": usage,
    }


def _usage(turn: Turn, output: int, *, whole: bool) -> dict[str, Any]:
    """`anthropic.types.Usage`; with `whole` False the part that `message_start` tells."""
    spent = turn.usage
    usage: dict[str, Any] = {
        "input_tokens": spent.input_tokens,
        "cache_creation_input_tokens": spent.ephemeral_5m_input_tokens + spent.ephemeral_1h_input_tokens,
        "cache_read_input_tokens": spent.cache_read_input_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": spent.ephemeral_5m_input_tokens,
            "ephemeral_1h_input_tokens": spent.ephemeral_1h_input_tokens,
        },
        "output_tokens": output,
        "service_tier": turn.service_tier,
        "inference_geo": turn.inference_geo,
    }
    if turn.speed is not None:
        usage["speed"] = turn.speed
    return usage | _details(turn) if whole else usage


def _delta_usage(turn: Turn, output: int) -> dict[str, Any]:
    """`anthropic.types.MessageDeltaUsage`."""
    spent = turn.usage
    return {
        "input_tokens": spent.input_tokens,
        "cache_creation_input_tokens": spent.ephemeral_5m_input_tokens + spent.ephemeral_1h_input_tokens,
        "cache_read_input_tokens": spent.cache_read_input_tokens,
        "output_tokens": output,
    } | _details(turn)


def _details(turn: Turn) -> dict[str, Any]:
    spent = turn.usage
    details: dict[str, Any] = {}
    if spent.thinking_tokens:
        details["output_tokens_details"] = {"thinking_tokens": spent.thinking_tokens}
    if spent.web_search_requests:
        details["server_tool_use"] = {
            "web_search_requests": spent.web_search_requests,
            "web_fetch_requests": 0,
        }
    if turn.iterations:
        details["iterations"] = turn.iterations
    return details


def stream(turn: Turn, behaviour: Behaviour) -> Events:
    """The events of a stream."""
    speech = _Speech(turn, behaviour)
    speech.begin()
    for index, block in enumerate(turn.blocks):
        speech.block(index, block, turn.costs[index])
    if behaviour.unknown_event:
        speech.insert(len(speech.events.data) // 2, _UNKNOWN)
    speech.end()
    return speech.events


class _Speech:
    """A stream that is being put together."""

    def __init__(self, turn: Turn, behaviour: Behaviour) -> None:
        self.events = Events()
        self._turn = turn
        self._behaviour = behaviour
        self._said = 0

    def begin(self) -> None:
        """Add `message_start`."""
        turn = self._turn
        usage = _usage(turn, min(_PLACEHOLDER, turn.usage.output_tokens), whole=False)
        self._add("message_start", {"message": _message(turn, (), None, usage)})

    def block(self, index: int, block: Block, cost: int) -> None:
        """Add the events of a block that costs so many tokens."""
        before, events, behaviour = self._said, self.events, self._behaviour
        self._add("content_block_start", {"index": index, "content_block": _opening(block)})
        if index == 0 and behaviour.pings:
            events.add(PING, before)
        deltas = _deltas(index, block, behaviour.chunk_tokens, self._padding())
        count = len(deltas)
        events.data += deltas
        events.tokens += [before - (-cost * number // count) for number in range(1, count + 1)]
        self._said += cost
        self._add("content_block_stop", {"index": index})

    def insert(self, place: int, event: bytes) -> None:
        """Put an event between others."""
        self.events.data.insert(place, event)
        self.events.tokens.insert(place, self.events.tokens[place - 1])

    def end(self) -> None:
        """Add `message_delta`, or several, and `message_stop`."""
        turn, count = self._turn, self._behaviour.message_deltas
        for number in range(1, count + 1):
            last = number == count
            delta = {
                "stop_reason": turn.stop_reason if last else None,
                "stop_sequence": turn.stop_sequence if last else None,
                "stop_details": turn.stop_details if last else None,
            }
            usage = _delta_usage(turn, self._said * number // count)
            self._add("message_delta", {"delta": delta, "usage": usage})
        self._add("message_stop", {})

    def _padding(self) -> int:
        """Another number for each event; 0 for no padding."""
        return self._behaviour.seed + len(self.events.data) + 1 if self._behaviour.padding else 0

    def _add(self, name: str, value: dict[str, Any]) -> None:
        data = _encode({"type": name, **value})[:-1]
        event = b"event: %b\ndata: %b%b}\n\n" % (name.encode(), data, _spaces(self._padding()))
        self.events.add(event, self._said)


def _opening(block: Block) -> Any:
    """The block as `content_block_start` shows it: what deltas bring is still empty."""
    if isinstance(block, Text):
        return Text("")
    if isinstance(block, Thinking):
        return Thinking("", "")
    if isinstance(block, ToolUse | ServerToolUse):
        return msgspec.structs.replace(block, input={})
    assert isinstance(block, RedactedThinking | SearchResult)
    return block


def _deltas(index: int, block: Block, tokens: int, padding: int) -> tuple[bytes, ...]:
    if isinstance(block, Text):
        return _pieces(index, "text", block.text, tokens, padding)
    if isinstance(block, Thinking):
        said = _pieces(index, "thinking", block.thinking, tokens, padding)
        return (*said, _delta(index, "signature", block.signature, padding))
    if isinstance(block, ToolUse | ServerToolUse):
        arguments = _encode(block.input).decode() if block.input else ""
        said = _pieces(index, "partial_json", arguments, tokens, padding)
        return (_delta(index, "partial_json", "", padding), *said)
    return ()


def _pieces(index: int, field: str, text: str, tokens: int, padding: int) -> tuple[bytes, ...]:
    """A text as deltas."""
    cut = _cut if len(text) > _LONG else _cached_cut
    return cut(index, field, text, tokens, padding)


def _cut(index: int, field: str, text: str, tokens: int, padding: int) -> tuple[bytes, ...]:
    return tuple(
        _delta(index, field, piece, padding and padding + number)
        for number, piece in enumerate(chunks(text, tokens))
    )


# Most streams of a process say the same.
_cached_cut = lru_cache(maxsize=64)(_cut)


def _delta(index: int, field: str, text: str, padding: int) -> bytes:
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b%b}\n\n' % (
        index,
        _encode({"type": _DELTAS[field], field: text}),
        _spaces(padding),
    )


def _spaces(padding: int) -> bytes:
    """Up to 15 spaces, in an order that looks like none."""
    return b" " * ((padding * 2_654_435_761 >> 7) % 16) if padding else b""
