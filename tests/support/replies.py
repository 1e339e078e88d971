"""Replies that the proxy itself gives, held to the shape that they must have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from tests.support.raw_http import parse_head

if TYPE_CHECKING:
    from tests.support.raw_http import Message


class OwnError(msgspec.Struct, frozen=True):
    """An error of the proxy's own."""

    status: int
    type: str
    code: str
    """For machines: `x-tokentape-error`."""
    sentence: str
    retry: bool
    """Nothing forbids clients to try again."""


def own_error(reply: Message | None) -> OwnError:
    """Read a reply that must be an error of the proxy's own, whole and Anthropic-shaped."""
    assert reply is not None
    assert reply.complete
    assert reply.header(b"content-type") == b"application/json"
    body = msgspec.json.decode(reply.body, type=dict[str, object])
    error = msgspec.convert(body["error"], dict[str, str])
    assert (body["type"], set(body), set(error)) == ("error", {"type", "error"}, {"type", "message"})
    assert error["message"].endswith(".")
    code, retry = reply.header(b"x-tokentape-error"), reply.header(b"x-should-retry")
    assert code is not None
    assert retry in {None, b"false"}
    return OwnError(reply.status, error["type"], code.decode(), error["message"], retry is None)


def error_of(reply: Message | None) -> tuple[int, str, str]:
    """Status, error type and machine-readable code of such an error."""
    error = own_error(reply)
    return error.status, error.type, error.code


def code_of(raw: bytes) -> str:
    """The machine-readable code of such an error in bytes."""
    head, _, body = raw.partition(b"\r\n\r\n")
    message = parse_head(head + b"\r\n\r\n")
    message.body, message.complete = body, True
    return own_error(message).code
