"""Messages as JSON values, and as the events of a stream.

Events and their order: https://docs.anthropic.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard, cast

import msgspec

if TYPE_CHECKING:
    from tokentape.recorder.wire.body import Body
    from tokentape.recorder.wire.reply import Reply

EVENTS: Final = "text/event-stream"
_DATA: Final = re.compile(rb"^data:[ ]?(.*?)\r?$", re.MULTILINE)
_ENDED: Final = re.compile(rb"(\r?\n\r?\n|\r\r)\Z")
_BEGINNINGS: Final = (b"event:", b"data:")
_INPUT: Final = ("input_tokens", "cache_creation_input_tokens")
"""What counts towards a limit: what is read from the cache does not."""

_encode = msgspec.json.Encoder().encode


class Spent(NamedTuple):
    """Tokens that count towards rate limits."""

    input: int = 0
    output: int = 0


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """It is a JSON object."""
    return isinstance(value, dict)


def is_stream(reply: Reply) -> bool:
    """The reply is a stream of events: by its type, or by its beginning where a recorder hid the type."""
    kind = next((value for name, value in reply.headers if name.lower() == "content-type"), "")
    return kind.lower().startswith(EVENTS) or b"".join(reply.body.data[:1]).lstrip().startswith(_BEGINNINGS)


def read_object(data: bytes) -> dict[str, Any] | None:
    """A JSON object; `None` for anything else."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return value if is_object(value) else None


def data_of(event: bytes) -> dict[str, Any]:
    """The data of an event; nothing where it is no JSON object."""
    return read_object(b"\n".join(_DATA.findall(event))) or {}


def event_of(data: dict[str, Any]) -> bytes:
    """An event as it is sent, empty line included."""
    return b"event: %b\ndata: %b\n\n" % (str(data["type"]).encode(), _encode(data))


def encoded(value: dict[str, Any]) -> bytes:
    """A whole body."""
    return _encode(value)


def whole_events(body: Body) -> Body:
    """The body with each event in one part, due when it is complete."""
    if all(map(_ENDED.search, body.data)):
        return body
    data: list[bytes] = []
    due: list[float] = []
    waiting: list[bytes] = []
    tail = b""
    for place, part in enumerate(body.data):
        waiting.append(part)
        tail = (tail + part)[-4:]
        if _ENDED.search(tail) or place == len(body.data) - 1:
            data.append(b"".join(waiting))
            due += body.due[place : place + 1]
            waiting, tail = [], b""
    return msgspec.structs.replace(body, data=data, due=due)


def objects(value: object) -> list[dict[str, Any]]:
    """The JSON objects in an array."""
    return (
        [item for item in cast("list[object]", value) if is_object(item)] if isinstance(value, list) else []
    )


def message_in(reply: Reply) -> dict[str, Any] | None:
    """The message that a reply is, which is no stream; `None` for anything else."""
    value = read_object(b"".join(reply.body.data))
    return value if value is not None and value.get("type") == "message" else None


def usage_of(reply: Reply) -> Spent:
    """What a reply says was spent: of a stream field by field, the last value."""
    if is_stream(reply):
        datas = [data_of(event) for event in whole_events(reply.body).data if b'"usage"' in event]
        told = [data.get("message", data) for data in datas]
    else:
        told = [message_in(reply)]
    usage = dict(chain.from_iterable(_usage(value).items() for value in told))
    return Spent(sum(usage.get(name, 0) for name in _INPUT), usage.get("output_tokens", 0))


def _usage(value: object) -> dict[str, int]:
    usage = value.get("usage") if is_object(value) else None
    if not is_object(usage):
        return {}
    return {name: number for name, number in usage.items() if isinstance(number, int)}


def events_of(message: dict[str, Any]) -> list[bytes]:
    """The stream of a message whose blocks are calls of tools."""
    start: dict[str, Any] = {"content": [], "stop_reason": None}
    begun = message | start | {"usage": message["usage"] | {"output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(message["content"]):
        delta = {"type": "input_json_delta", "partial_json": _encode(block["input"]).decode()}
        events += [
            {"type": "content_block_start", "index": index, "content_block": block | {"input": {}}},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    events += [{"type": "message_delta", "delta": ended, "usage": usage}, {"type": "message_stop"}]
    return [event_of(event) for event in events]
