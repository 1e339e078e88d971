"""What the proxy itself answers: Anthropic-shaped errors that say what to do.

The shape is the API's own (https://docs.anthropic.com/en/api/errors), so that an SDK raises the
exception that fits, with the sentence as its message. `x-should-retry: false` stands wherever a
retry cannot help; the official SDKs obey it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""By status; anything else in 4xx is an `invalid_request_error`."""
_RETRIED: Final = frozenset({408, 502, 503, 504})
_LASTING: Final = frozenset({"upstream_certificate"})
"""Codes of failures that are the same at the next try."""


def error_type(status: int) -> str:
    """The API's error type for a status of the proxy's own."""
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def error(status: int, code: str, message: str, *, close: bool = False, body: bool = True) -> bytes:
    """A whole error reply.

    Args:
        status: HTTP status; from 500 on, the SDK may try again.
        code: the value of `x-tokentape-error`, low cardinality.
        message: one sentence that says what to do.
        close: the connection ends with this reply.
        body: False in reply to HEAD.
    """
    payload = msgspec.json.encode(
        {"type": "error", "error": {"type": error_type(status), "message": message}}
    )
    headers = f"x-tokentape-error: {code}\r\n"
    if status not in _RETRIED or code in _LASTING:
        headers += "x-should-retry: false\r\n"
    return _reply(status, payload, headers, close=close, body=body)


def json(status: int, value: object, *, close: bool = False, body: bool = True) -> bytes:
    """A whole JSON reply; arguments as in `error`."""
    return _reply(status, msgspec.json.encode(value), "", close=close, body=body)


def _reply(status: int, payload: bytes, headers: str, *, close: bool, body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "content-type: application/json\r\n"
        f"content-length: {len(payload)}\r\n"
        f"{headers}"
        f"{'connection: close' + chr(13) + chr(10) if close else ''}"
        "\r\n"
    )
    return head.encode() + (payload if body else b"")
