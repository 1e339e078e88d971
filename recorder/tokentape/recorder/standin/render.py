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

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.standin.turn import Block, Turn

PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"%b}\n\n'
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
    events = Events()
    padding = behaviour.seed + 1 if behaviour.padding else 0
    start = _usage(turn, min(_PLACEHOLDER, turn.usage.output_tokens), whole=False)
    events.add(
        _event(
            "message_start", {"type": "message_start", "message": _message(turn, (), None, start)}, padding
        ),
        0,
    )
    said = 0
    for index, block in enumerate(turn.blocks):
        _add_block(events, index, block, said, turn.costs[index], behaviour)
        said += turn.costs[index]
    if behaviour.unknown_event:
        middle = len(events.data) // 2
        events.data.insert(middle, b'event: vendor_news\ndata: {"type":"vendor_news","news":[1]}\n\n')
        events.tokens.insert(middle, events.tokens[middle - 1])
    _add_end(events, turn, behaviour, padding)
    return events


def _add_block(events: Events, index: int, block: Block, said: int, cost: int, behaviour: Behaviour) -> None:
    padding = behaviour.seed + 1 if behaviour.padding else 0
    events.add(_start(index, _opening(block), padding), said)
    if index == 0 and behaviour.pings:
        events.add(PING, said)
    deltas = _deltas(index, block, behaviour.chunk_tokens, padding)
    for number, delta in enumerate(deltas, 1):
        events.add(delta, said + cost * number // len(deltas))
    events.add(_block_stop(index, padding), said + cost)


def _add_end(events: Events, turn: Turn, behaviour: Behaviour, padding: int) -> None:
    said = turn.usage.output_tokens
    for number in range(1, behaviour.message_deltas + 1):
        last = number == behaviour.message_deltas
        delta = {
            "stop_reason": turn.stop_reason if last else None,
            "stop_sequence": turn.stop_sequence if last else None,
            "stop_details": turn.stop_details if last else None,
        }
        usage = _delta_usage(turn, said * number // behaviour.message_deltas)
        events.add(
            _event("message_delta", {"type": "message_delta", "delta": delta, "usage": usage}, padding), said
        )
    events.add(_STOP % _spaces(padding), said)


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
        return _pieces(index, "text_delta", "text", block.text, tokens, padding)
    if isinstance(block, Thinking):
        said = _pieces(index, "thinking_delta", "thinking", block.thinking, tokens, padding)
        return (*said, _delta(index, "signature_delta", "signature", block.signature, padding))
    if isinstance(block, ToolUse | ServerToolUse):
        arguments = _encode(block.input).decode() if block.input else ""
        said = _pieces(index, "input_json_delta", "partial_json", arguments, tokens, padding)
        return (_delta(index, "input_json_delta", "partial_json", "", padding), *said)
    return ()


@lru_cache(maxsize=64)
def _pieces(index: int, kind: str, field: str, text: str, tokens: int, padding: int) -> tuple[bytes, ...]:
    """A text as deltas; cached, because most streams of a process say the same."""
    return tuple(
        _delta(index, kind, field, piece, padding and padding + number)
        for number, piece in enumerate(chunks(text, tokens))
    )


def _delta(index: int, kind: str, field: str, text: str, padding: int) -> bytes:
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b%b}\n\n' % (
        index,
        _encode({"type": kind, field: text}),
        _spaces(padding),
    )


def _start(index: int, block: Any, padding: int) -> bytes:
    value = {"type": "content_block_start", "index": index, "content_block": block}
    return _event("content_block_start", value, padding)


def _block_stop(index: int, padding: int) -> bytes:
    return _event("content_block_stop", {"type": "content_block_stop", "index": index}, padding)


def _event(name: str, value: dict[str, Any], padding: int) -> bytes:
    return b"event: %b\ndata: %b%b}\n\n" % (name.encode(), _encode(value)[:-1], _spaces(padding))


def _spaces(padding: int) -> bytes:
    """Up to 15 spaces, in an order that looks like none."""
    return b" " * (padding * 2_654_435_761 % 4_294_967_291 % 16) if padding else b""
