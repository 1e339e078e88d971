"""Attributes: names and values as OTLP has them.

`AnyValue` and `KeyValue` of opentelemetry/proto/common/v1/common.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tokentape.proxy.telemetry.otel import wire

Scalar = str | bool | int | float
Value = Scalar | tuple[str, ...]
"""What an attribute of ours can be."""
Structured = None | Scalar | Sequence["Structured"] | Mapping[str, "Structured"]
"""What JSON can be."""

_STRING: Final = wire.tag(1)
_TRUE: Final = wire.number(2, 1)
_FALSE: Final = wire.number(2, 0)
_INTEGER: Final = wire.tag(3, 0)
_ARRAY: Final = wire.tag(5)
_LIST: Final = wire.tag(6)
_KEY: Final = wire.tag(1)
_VALUE: Final = wire.tag(2)

MAX_TEXT: Final = 8192
"""Characters of an attribute's text, content aside: no API name or id comes near it."""

MAX_DEPTH: Final = 32
"""Levels of a structured value; what lies deeper is left out."""


def any_value(value: Value) -> bytes:
    """The `AnyValue` of an attribute."""
    if isinstance(value, str):
        return _STRING + wire.length(wire.encoded(value[:MAX_TEXT]))
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        return _INTEGER + wire.varint(value)
    if isinstance(value, float):
        return wire.double(4, value)
    return _ARRAY + wire.length(wire.repeated(1, map(any_value, value)))


def structured(value: Structured, depth: int = MAX_DEPTH) -> bytes:
    """The `AnyValue` of anything that JSON can say; nothing at all for null."""
    if value is None or depth == 0:
        return b""
    if isinstance(value, str):
        return _STRING + wire.length(wire.encoded(value))
    if isinstance(value, (bool, int, float)):
        # JSON knows integers of any size, AnyValue those of 64 bits.
        fits = isinstance(value, float) or -(2**63) <= value < 2**63
        return any_value(value if fits else float(value))
    if isinstance(value, Mapping):
        pairs = [key_value(key(name), structured(item, depth - 1)) for name, item in value.items()]
        return _LIST + wire.length(wire.repeated(1, pairs))
    items = [structured(item, depth - 1) for item in value]
    return _ARRAY + wire.length(wire.repeated(1, items))


def key(name: str) -> bytes:
    """The half of a `KeyValue` that says its name, to be made once."""
    return _KEY + wire.length(wire.encoded(name))


def key_value(named: bytes, value: bytes) -> bytes:
    """A `KeyValue` of what `key` and `any_value` made."""
    return named + _VALUE + wire.length(value)


def attributes(values: Mapping[str, Value]) -> list[bytes]:
    """A `KeyValue` for each."""
    return [key_value(key(name), any_value(value)) for name, value in values.items()]
