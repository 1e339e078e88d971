"""Reading what others wrote: JSON of any shape, text of any length. Nothing here raises on bad input.

The API grows fields and values all the time, and clients send whatever they like. Whoever reads a
field asks here for the type that it needs and gets `None` for everything else.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeGuard

import msgspec

BROKEN: Final = (msgspec.MsgspecError, RecursionError, ValueError)
"""What a JSON decoder may raise on bytes from outside; `UnicodeDecodeError` is a `ValueError`."""

MAX_TEXT: Final = 256
"""Characters kept of an id, a model name or any other short text."""

MAX_COUNT: Final = 10**9
"""Hundreds of times what one reply can count: a larger number is a broken upstream's, and would spoil every
sum that it gets into for good."""

MAX_NOTES: Final = 16
"""Distinct unknown names and distinct parse errors kept for one call."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_.\-]{1,64}")
_decode = msgspec.json.Decoder().decode


def parse(data: bytes | msgspec.Raw) -> Any:
    """The JSON value of `data`, or `None` where it is no JSON (JSON's own `null` looks the same)."""
    try:
        return _decode(data)
    except BROKEN:
        return None


def is_cut_off(data: bytes) -> bool:
    """Whether `data` begins a JSON value, or nothing at all, and the rest is missing."""
    try:
        _decode(data)
    except msgspec.DecodeError as broken:
        return "truncated" in str(broken)
    except BROKEN:
        return False
    return False


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a parsed JSON value is an object; JSON has no other keys than strings."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether a parsed JSON value is an array."""
    return isinstance(value, list)


def text(value: object, limit: int = MAX_TEXT) -> str | None:
    """A string as one line of at most `limit` printable characters; `None` for anything else."""
    if not isinstance(value, str):
        return None
    line = value[:limit]
    return (line if line.isprintable() else "".join(filter(str.isprintable, line))) or None


def count(value: object) -> int | None:
    """A whole number from 0 to `MAX_COUNT`; `None` for anything else, `true` included."""
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def flag(value: object) -> bool | None:
    """`True` or `False`; `None` for anything else."""
    return value if isinstance(value, bool) else None


def name(value: object) -> str:
    """A name that is fit to be a label value: short and plain, else `other`."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else "other"


class Notes:
    """What was strange about one call: unknown names and parse errors, each once, both bounded."""

    __slots__ = ("parse_errors", "unknown")

    def __init__(self) -> None:
        self.parse_errors: list[str] = []
        self.unknown: list[str] = []

    def error(self, reason: str) -> None:
        """Something could not be read; `reason` is one of few."""
        if reason not in self.parse_errors and len(self.parse_errors) < MAX_NOTES:
            self.parse_errors.append(reason)

    def unfamiliar(self, kind: str, found: object) -> None:
        """The API said something that this version does not know: `event`, `delta`, `block` or `usage`."""
        entry = f"{kind}:{name(found)}"
        if entry not in self.unknown and len(self.unknown) < MAX_NOTES:
            self.unknown.append(entry)
