"""The Attempt: one request as it came on the wire, as far as a fault looks at it."""

from __future__ import annotations

import fnmatch
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.messages.routes import MESSAGES, find_route
from tokentape.recorder.faults.catalogue import DECLARED, ENDPOINTS, Strikes

if TYPE_CHECKING:
    from tokentape.recorder.faults.fault import Fault, Where


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A request. A client that tries again makes one more of them."""

    endpoint: str = MESSAGES
    """Its route, ids replaced by `{id}`."""
    session: str = ""
    model: str = ""
    """The model asked for; empty where there is none."""
    stream: bool = False
    """It asks for a stream."""
    body: bytes = b""
    """Decoded."""
    key: bytes = b""
    """What the attempts of one request have in common, and no other request has."""
    request_id: str = ""
    """For the reply; empty: one that follows from the rest."""
    wall: float = 0.0
    """Seconds since the epoch, for the headers that name a time; 0: no clock is asked, and no date said."""


class ToolCall(msgspec.Struct, frozen=True):
    """A tool and its input."""

    name: str
    input: Any


class _Block(msgspec.Struct):
    type: str = ""
    name: str = ""
    input: Any = None


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = msgspec.Raw(b"")


class _Request(msgspec.Struct):
    model: str = ""
    stream: bool | None = None
    messages: list[_Message] = []


_decode: Final = msgspec.json.Decoder(_Request).decode
_decode_blocks: Final = msgspec.json.Decoder(list[_Block]).decode
_NOTHING: Final = _Request()


def read_attempt(  # noqa: PLR0913 - each is a part of a request
    method: str,
    target: str,
    body: bytes,
    *,
    session: str = "",
    key: bytes = b"",
    request_id: str = "",
    wall: float = 0.0,
) -> Attempt:
    """What a request is to a fault.

    Args:
        method: HTTP method.
        target: path and query.
        body: decoded.
        session: whose counts it belongs to.
        key: see `Attempt.key`; empty: a digest of endpoint and body.
        request_id: see `Attempt.request_id`.
        wall: seconds since the epoch.
    """
    route = find_route(method, target)
    request = _read(body) if route.messages_request else _NOTHING
    return Attempt(
        endpoint=route.endpoint,
        session=session,
        model=request.model,
        stream=bool(request.stream),
        body=body,
        key=key or digest(route.endpoint.encode(), body),
        request_id=request_id,
        wall=wall,
    )


def digest(*parts: bytes) -> bytes:
    """16 bytes that follow from the parts and from where they end."""
    state = blake2b(digest_size=16)
    for part in parts:
        state.update(b"%d:" % len(part) + part)
    return state.digest()


def _read(body: bytes) -> _Request:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _NOTHING


def last_tool_call(body: bytes) -> ToolCall | None:
    """The last call of a tool in the conversation that a request brings."""
    for message in reversed(_read(body).messages):
        if message.role == "assistant" and (calls := _tool_calls(bytes(message.content))):
            return calls[-1]
    return None


def _tool_calls(content: bytes) -> list[ToolCall]:
    try:
        blocks = _decode_blocks(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []
    return [ToolCall(block.name, block.input) for block in blocks if block.type == "tool_use"]


def fits(fault: Fault, attempt: Attempt) -> bool:
    """The fault can strike this attempt, as far as its keys and its nature go."""
    declared = DECLARED[fault.name]
    if declared.strikes == Strikes.CONNECTING or (declared.messages_only and attempt.endpoint != MESSAGES):
        return False
    if declared.strikes == Strikes.STREAM and not attempt.stream:
        return False
    if not _within(fault.where, attempt):
        return False
    return fault.name != "tool_loop" or bool(fault.get("tool")) or last_tool_call(attempt.body) is not None


def _within(where: Where, attempt: Attempt) -> bool:
    wanted = (
        (where.model, attempt.model),
        (where.session, attempt.session),
        (ENDPOINTS.get(where.endpoint, where.endpoint), attempt.endpoint),
    )
    return all(not pattern or fnmatch.fnmatchcase(value, pattern) for pattern, value in wanted)
