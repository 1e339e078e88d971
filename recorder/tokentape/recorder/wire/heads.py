"""Response heads as bytes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

PHRASES: Final = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


def render_head(status: int, reason: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """A whole head; an empty reason stands for the usual one."""
    lines = [f"HTTP/1.1 {status} {reason or PHRASES.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
