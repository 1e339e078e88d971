"""Messages that end early: truncated, refused, or out of context window, with the usage that fits.

Where so many tokens end is found by characters: the output tokens that the reply says it cost are
spread evenly over its texts, thoughts and tool inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from tokentape.recorder.faults.message import (
    data_of,
    encoded,
    event_of,
    is_object,
    is_stream,
    message_in,
    objects,
    whole_events,
)
from tokentape.recorder.faults.streams import shortened

if TYPE_CHECKING:
    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.wire.reply import Reply

_FIELDS: Final = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
"""The types of deltas that cost tokens, and the field that holds what is said."""
_CHARACTERS: Final = 4
"""Of a token, about, where a reply does not say what it cost."""


class Stop(NamedTuple):
    """How a message is to end."""

    reason: str
    tokens: int | None
    """Output tokens; `None`: half of them."""
    details: dict[str, Any] | None = None
    """`anthropic.types.RefusalStopDetails`."""

    def limit(self, total: int) -> int | None:
        """After how many tokens of a message it ends; `None`: it is not long enough."""
        tokens = total // 2 if self.tokens is None else self.tokens
        return tokens if tokens < total or tokens == total == 0 else None


def stop_of(fault: Fault) -> Stop:
    """How a fault ends a message."""
    tokens = fault.get("tokens")
    count = None if tokens is None else int(tokens)
    if fault.name == "truncated":
        return Stop("max_tokens", count)
    if fault.name == "context_window_exceeded":
        return Stop("model_context_window_exceeded", count)
    category = fault.get("category")
    return Stop("refusal", count or 0, {"type": "refusal", "category": category, "explanation": None})


def ended_early(reply: Reply, fault: Fault) -> Reply:
    """The message with another end; what is no message passes."""
    stop = stop_of(fault)
    return _stream(reply, stop) if is_stream(reply) else _whole(reply, stop)


# Streams.


class _Budget:
    """Characters that are still said."""

    def __init__(self, limit: int, total: int, size: int) -> None:
        self.left = size * limit // total if total else 0

    def take(self, size: int) -> int:
        """As many of them as are left."""
        taken = min(size, self.left)
        self.left -= taken
        return taken


def _stream(reply: Reply, stop: Stop) -> Reply:
    reply = replace(reply, body=whole_events(reply.body))
    datas = [data_of(event) for event in reply.body.data]
    if not any(data.get("type") == "message_start" for data in datas):
        return reply
    deltas = [data for data in datas if data.get("type") == "message_delta"]
    final = deltas[-1] if deltas else {"type": "message_delta"}
    size = sum(len(_said(data)) for data in datas)
    total = _output(final) or size // _CHARACTERS
    limit = stop.limit(total)
    if limit is None:
        return reply
    place, more = _end_of_content(datas, _Budget(limit, total, size))
    last = final | {
        "delta": _object(final, "delta") | _stopped(stop),
        "usage": _cheaper(_object(final, "usage"), limit),
    }
    return shortened(reply, place, [event_of(data) for data in (*more, last, {"type": "message_stop"})])


def _end_of_content(datas: list[dict[str, Any]], budget: _Budget) -> tuple[int, list[dict[str, Any]]]:
    """How many events stay, and those that end the block which is open then."""
    opened: int | None = None
    for place, data in enumerate(datas):
        kind, said = str(data.get("type")), _said(data)
        ends = (
            (kind == "content_block_start" and not budget.left)
            or len(said) > budget.left
            or kind in {"message_delta", "message_stop"}
        )
        if ends:
            rest = budget.take(len(said))
            return place, [*([_cut_delta(data, rest)] if rest else []), *_closing(opened)]
        budget.take(len(said))
        opened = _open(data, opened)
    return len(datas), _closing(opened)


def _open(data: dict[str, Any], opened: int | None) -> int | None:
    """The block that is open after an event."""
    kind, index = data.get("type"), data.get("index")
    if kind == "content_block_start" and isinstance(index, int):
        return index
    return None if kind == "content_block_stop" else opened


def _closing(index: int | None) -> list[dict[str, Any]]:
    return [] if index is None else [{"type": "content_block_stop", "index": index}]


def _said(data: dict[str, Any]) -> str:
    delta = data.get("delta")
    if data.get("type") != "content_block_delta" or not is_object(delta):
        return ""
    said = delta.get(_FIELDS.get(str(delta.get("type")), ""))
    return said if isinstance(said, str) else ""


def _cut_delta(data: dict[str, Any], size: int) -> dict[str, Any]:
    delta = _object(data, "delta")
    return data | {"delta": delta | {_FIELDS[delta["type"]]: _said(data)[:size]}}


# Whole messages.


def _whole(reply: Reply, stop: Stop) -> Reply:
    message = message_in(reply)
    if message is None:
        return reply
    blocks = objects(message.get("content"))
    size = sum(map(_weight, blocks))
    total = _output(message) or size // _CHARACTERS
    limit = stop.limit(total)
    if limit is None:
        return reply
    budget = _Budget(limit, total, size)
    content = [_cut_block(block, budget.take(_weight(block))) for block in blocks if budget.left]
    usage = _cheaper(_object(message, "usage"), limit)
    body = replace(
        reply.body, data=[encoded(message | {"content": content, "usage": usage} | _stopped(stop))]
    )
    return replace(reply, body=replace(body, due=reply.body.due[-1:]))


def _weight(block: dict[str, Any]) -> int:
    """Characters of a block."""
    if block.get("type") == "tool_use":
        return len(encoded(_object(block, "input")).decode())
    return sum(len(text) for name in ("text", "thinking") if isinstance(text := block.get(name), str))


def _cut_block(block: dict[str, Any], size: int) -> dict[str, Any]:
    """The block with so many characters. Half an input is none; half a thought is not signed."""
    if size == _weight(block):
        return block
    if block.get("type") == "tool_use":
        return block | {"input": {}}
    cut = {name: text[:size] for name in ("text", "thinking") if isinstance(text := block.get(name), str)}
    return block | cut | ({"signature": ""} if "signature" in block else {})


# Both.


def _object(value: dict[str, Any], name: str) -> dict[str, Any]:
    part = value.get(name)
    return part if is_object(part) else {}


def _output(value: dict[str, Any]) -> int:
    tokens = _object(value, "usage").get("output_tokens")
    return tokens if isinstance(tokens, int) else 0


def _stopped(stop: Stop) -> dict[str, Any]:
    return {"stop_reason": stop.reason, "stop_sequence": None, "stop_details": stop.details}


def _cheaper(usage: dict[str, Any], tokens: int) -> dict[str, Any]:
    """The usage of a reply that ended after so many output tokens."""
    cheaper = usage | {"output_tokens": tokens}
    details = _object(usage, "output_tokens_details")
    if isinstance(thought := details.get("thinking_tokens"), int):
        cheaper["output_tokens_details"] = details | {"thinking_tokens": min(thought, tokens)}
    return cheaper
