"""Tagged netstrings, in which mitmproxy writes flows: `SIZE:DATA` and a letter for the type.

https://tnetstrings.info, with mitmproxy's `;` for text beside `,` for bytes (`mitmproxy/io/tnetstring.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_SIZE: Final = 12
"""Digits of a size, as in mitmproxy."""
_DEEPEST: Final = 64


class TnetstringError(ValueError):
    """Bytes that are no tnetstring; the text says what is wrong and at which byte."""


def values(data: bytes) -> Iterator[Any]:
    """The values that follow one another in a file.

    Raises:
        TnetstringError: the bytes are no such values.
    """
    at = 0
    while at < len(data):
        value, at = _value(data, at, len(data), 0)
        yield value


def _value(data: bytes, at: int, limit: int, depth: int) -> tuple[Any, int]:
    """A value and the place after it, which is not beyond `limit`."""
    colon = data.find(b":", at, min(at + _LONGEST_SIZE + 1, limit))
    digits = data[at:colon] if colon > at else b""
    if not digits.isdigit():
        raise TnetstringError(f"there is no size at byte {at}")
    start = colon + 1
    end = start + int(digits)
    if end >= limit:
        raise TnetstringError(f"the value at byte {at} ends after the data")
    if depth > _DEEPEST:
        raise TnetstringError(f"the value at byte {at} is nested too deep")
    return _read(data, start, end, depth), end + 1


def _read(data: bytes, start: int, end: int, depth: int) -> Any:
    kind = data[end : end + 1]
    if kind == b"}":
        return _mapping(list(_items(data, start, end, depth)), start)
    if kind == b"]":
        return list(_items(data, start, end, depth))
    return _plain(kind, data[start:end], start)


def _items(data: bytes, start: int, end: int, depth: int) -> Iterator[Any]:
    while start < end:
        value, start = _value(data, start, end, depth + 1)
        yield value


def _mapping(items: list[Any], start: int) -> dict[str, Any]:
    keys = [key.decode("utf-8", "replace") if isinstance(key, bytes) else key for key in items[::2]]
    if len(items) % 2 or not all(isinstance(key, str) for key in keys):
        raise TnetstringError(f"the mapping at byte {start} is no list of names and values")
    return dict(zip(keys, items[1::2], strict=True))


def _plain(kind: bytes, text: bytes, start: int) -> Any:
    try:
        match kind:
            case b",":
                return text
            case b";":
                return text.decode()
            case b"#":
                return int(text)
            case b"^":
                return float(text)
            case b"!":
                return {b"true": True, b"false": False}[text]
            case b"~" if not text:
                return None
            case _:
                raise TnetstringError(f"the value at byte {start} has the unknown type {kind!r}")
    except (ValueError, KeyError) as error:
        if isinstance(error, TnetstringError):
            raise
        raise TnetstringError(f"the value at byte {start} is not of its type") from None
