"""The API's errors (https://docs.anthropic.com/en/api/errors; `anthropic.types.ErrorResponse`)."""

from __future__ import annotations

from typing import Final

import msgspec

TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
STATUSES: Final = {name: status for status, name in TYPES.items() if status != 405}
_MESSAGES: Final = {
    401: "invalid x-api-key",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your account's rate limit. Please try again later.",
    500: "Internal server error",
    504: "Request timed out",
    529: "Overloaded",
}


class ApiError(Exception):
    """The API refuses a request.

    Attributes:
        status: HTTP status.
        type: the API's name for it.
        message: one sentence.
        headers: header lines to add, each ended by CRLF.
    """

    def __init__(self, status: int, message: str = "", *, error_type: str = "", headers: bytes = b"") -> None:
        self.status = status
        self.type = error_type or TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        self.message = message or _MESSAGES.get(status, self.type.replace("_", " "))
        self.headers = headers
        super().__init__(self.message)

    def body(self, request_id: str) -> bytes:
        """The reply's body; also the data of an `error` event."""
        return msgspec.json.encode(
            {
                "type": "error",
                "error": {"type": self.type, "message": self.message},
                "request_id": request_id,
            }
        )


def invalid(message: str) -> ApiError:
    """A request that cannot be understood."""
    return ApiError(400, message)
