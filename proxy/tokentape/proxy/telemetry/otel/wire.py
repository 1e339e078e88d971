"""Protobuf's wire format, as far as OTLP needs it: bytes in, bytes out.

https://protobuf.dev/programming-guides/encoding/. A field is a tag and a value; a message is its fields,
one behind the other, in any order. Values that are protobuf's default may be left out.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_DOUBLE: Final = struct.Struct("<d").pack
_U64: Final = struct.Struct("<Q").pack
_U32: Final = struct.Struct("<I").pack
_MASK64: Final = 2**64 - 1


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL: Final = tuple(_varint(number) for number in range(4096))
_KNOWN: Final = len(_SMALL)


def varint(number: int) -> bytes:
    """A number of 64 bits; a negative one as its two's complement."""
    if 0 <= number < _KNOWN:
        return _SMALL[number]
    return _varint(number & _MASK64)


def tag(field: int, kind: int = _BYTES) -> bytes:
    """What stands before a field's value; by default before one that has a length."""
    return _varint(field << 3 | kind)


def length(value: bytes) -> bytes:
    """A value with its length before it."""
    size = len(value)
    return (_SMALL[size] if size < _KNOWN else _varint(size)) + value


def blob(field: int, value: bytes) -> bytes:
    """A field of bytes, or a message in a message."""
    return tag(field) + length(value)


def text(field: int, value: str) -> bytes:
    """A field of text. What is no Unicode becomes a question mark: receivers refuse the whole request."""
    return blob(field, encoded(value))


def encoded(value: str) -> bytes:
    """UTF-8, whatever JSON escapes brought into a text."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def number(field: int, value: int) -> bytes:
    """A field of an integer or enum."""
    return tag(field, _VARINT) + varint(value)


def fixed64(field: int, value: int) -> bytes:
    """A field of eight bytes; a negative value as its two's complement."""
    return tag(field, _FIXED64) + _U64(value & _MASK64)


def fixed32(field: int, value: int) -> bytes:
    """A field of four bytes."""
    return tag(field, _FIXED32) + _U32(value)


def double(field: int, value: float) -> bytes:
    """A field of a floating-point number."""
    return tag(field, _FIXED64) + _DOUBLE(value)


def packed_doubles(field: int, values: Sequence[float]) -> bytes:
    """A repeated field of floating-point numbers."""
    return blob(field, struct.pack(f"<{len(values)}d", *values))


def packed_fixed64(field: int, values: Sequence[int]) -> bytes:
    """A repeated field of unsigned numbers, eight bytes each."""
    return blob(field, struct.pack(f"<{len(values)}Q", *values))


def repeated(field: int, values: Iterable[bytes]) -> bytes:
    """A repeated field of messages."""
    head = tag(field)
    return b"".join([head + length(value) for value in values])


def repeated_sized(field: int, sized: Sequence[bytes]) -> bytes:
    """The same of messages that have their `length` before them already."""
    head = tag(field)
    return head + head.join(sized) if sized else b""


class BrokenMessageError(ValueError):
    """Bytes that are no protobuf message."""


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers of every kind as unsigned integers, all else as bytes.

    Raises:
        BrokenMessageError: the bytes end in the middle of a field, or have a kind that is not used.
    """
    position = 0
    while position < len(message):
        head, position = _read_varint(message, position)
        kind = head & 7
        if kind == _VARINT:
            value, position = _read_varint(message, position)
            yield head >> 3, value
            continue
        if kind == _BYTES:
            size, position = _read_varint(message, position)
        elif kind in {_FIXED64, _FIXED32}:
            size = 8 if kind == _FIXED64 else 4
        else:
            raise BrokenMessageError(f"kind {kind}")
        part = message[position : position + size]
        if len(part) < size:
            raise BrokenMessageError("cut off")
        position += size
        yield head >> 3, part if kind == _BYTES else int.from_bytes(part, "little")


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message) and shift < 70:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK64, position
        shift += 7
    raise BrokenMessageError("cut off")
