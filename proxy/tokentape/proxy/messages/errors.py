"""Errors: from a body or a status to a type of low cardinality. The message is never kept.

Body: `{"type": "error", "error": {"type", "message", "details": {"error_code"}}, "request_id"}`
(type `ErrorResponse` of the official SDK; the codes are its `ErrorDetails`).
"""

from __future__ import annotations

import re
from typing import Any, Final

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.call import CallError

_BY_STATUS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The type that the API gives with a status (https://docs.anthropic.com/en/api/errors)."""

_SLUG: Final = re.compile(r"[a-z][a-z0-9_]{1,63}")


def type_of_status(status: int) -> str:
    """The error type of a status whose body said nothing."""
    known = _BY_STATUS.get(status)
    return known or ("api_error" if status >= 500 else "invalid_request_error")


def slug(value: object) -> str | None:
    """A lower-case identifier as error types are; `None` for anything else."""
    return value if isinstance(value, str) and _SLUG.fullmatch(value) else None


def read_error(body: object, fallback: str) -> CallError:
    """The error in a parsed body or `error` event; `fallback` is its type where the body names none."""
    error = body.get("error") if tolerant.is_object(body) else None
    if not tolerant.is_object(error):
        return CallError(type=fallback)
    details: Any = error.get("details")
    code = slug(details.get("error_code")) if tolerant.is_object(details) else None
    return CallError(type=slug(error.get("type")) or fallback, code=code)


def request_id_of(body: object) -> str | None:
    """The request id in an error body, where the header is missing."""
    return tolerant.text(body.get("request_id")) if tolerant.is_object(body) else None
