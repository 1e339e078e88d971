"""Response heads as bytes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Python 3.13 renamed some to what RFC 9110 calls them; the same bytes come from every version.
_NEW: Final = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable"}
PHRASES: Final = {
    **{status.value: status.phrase for status in HTTPStatus},
    **_NEW,
    422: "Unprocessable Content",
    529: "Overloaded",
}


def render_head(status: int, reason: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """A whole head; an empty reason stands for the usual one."""
    lines = [f"HTTP/1.1 {status} {reason or PHRASES.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
