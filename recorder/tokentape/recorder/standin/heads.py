"""Response heads with the headers of the real API."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from typing import Final

from tokentape.recorder.wire.heads import PHRASES

ORGANIZATION: Final = "57a2d14e-0000-4000-8000-7a9e0057a2d1"
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream; charset=utf-8"
JSONL: Final = "application/x-jsonl"


@lru_cache(maxsize=8)
def _date(wall: int) -> str:
    return formatdate(wall, usegmt=True)


def response_head(  # noqa: PLR0913 - each is a header
    status: int,
    request_id: str,
    *,
    content_type: str,
    length: int | None,
    coding: str,
    wall: float,
    keep_alive: bool,
    more: bytes = b"",
) -> bytes:
    """A whole head.

    Args:
        status: HTTP status.
        request_id: the value of `request-id`.
        content_type: of the body.
        length: content-length in bytes; `None` for chunked framing; -1 where the body ends with the
            connection.
        coding: content-encoding, empty for none.
        wall: seconds since the epoch, for `date`.
        keep_alive: False where the connection ends with the reply.
        more: header lines to add, each ended by CRLF.
    """
    framing = "transfer-encoding: chunked\r\n" if length is None else f"content-length: {length}\r\n"
    return (
        (
            f"HTTP/1.1 {status} {PHRASES.get(status, 'Unknown')}\r\n"
            f"date: {_date(int(wall))}\r\n"
            f"content-type: {content_type}\r\n"
            f"{'' if length == -1 else framing}"
            f"{f'content-encoding: {coding}' + chr(13) + chr(10) if coding else ''}"
            f"connection: {'keep-alive' if keep_alive else 'close'}\r\n"
            f"{'cache-control: no-cache' + chr(13) + chr(10) if content_type == EVENTS else ''}"
            f"request-id: {request_id}\r\n"
            f"anthropic-organization-id: {ORGANIZATION}\r\n"
            "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
            "server: standin\r\n"
            "vary: Accept-Encoding\r\n"
            "x-robots-tag: none\r\n"
        ).encode()
        + more
        + b"\r\n"
    )
