"""The canonical form of a body: equal bodies, equal bytes.

JSON: keys sorted, no spaces, and numbers by value, so that `1`, `1.0` and `1e0` are one number: clients
in different languages write the same temperature differently. Where a key comes twice the last one counts,
as with the parsers of all SDKs. What some clients send though it is no JSON (`NaN`, half of a surrogate
pair, numbers beyond any float) is understood as they mean it. Multipart bodies get one boundary (RFC 2046,
section 5.1.1), which clients draw anew for each request. Anything else is its bytes.
"""

from __future__ import annotations

import enum
import json
import math
import re
from typing import Any, Final

import msgspec

_WHOLE: Final = 2.0**53
"""Up to here every whole float is the integer of the same value."""
_BOUNDARY: Final = b"--boundary"
_FIRST_LINE: Final = re.compile(rb"--[\x20-\x7e]{1,128}(?=\r\n)")
_BROKEN: Final = (msgspec.MsgspecError, RecursionError, ValueError)


class Kind(enum.StrEnum):
    """What a body is."""

    JSON = "json"
    ODD = "odd"
    """JSON with `NaN`, lone surrogates or numbers out of range."""
    MULTIPART = "multipart"
    BYTES = "bytes"


class Body(msgspec.Struct):
    """A body that was read."""

    kind: Kind
    value: Any = None
    """The JSON value."""
    data: bytes = b""
    """The canonical bytes of anything else."""

    @property
    def is_json(self) -> bool:
        """There is a value."""
        return self.kind in _VALUED

    @property
    def odd(self) -> bool:
        """Its value may hold what is no JSON."""
        return self.kind is Kind.ODD

    def canonical(self) -> bytes:
        """The canonical bytes; of JSON, of its value as it is now."""
        return encode(self.value, odd=self.odd) if self.is_json else self.data


_VALUED: Final = frozenset({Kind.JSON, Kind.ODD})


def read_body(body: bytes) -> Body:
    """Read a decoded body. Any bytes will do."""
    if body[:2] == b"--":
        return _multipart(body)
    try:
        return Body(Kind.JSON, _decode(body))
    except _BROKEN:
        return _odd(body) if body else Body(Kind.BYTES)


def canonical(body: bytes) -> bytes:
    """The canonical form; that of a canonical form is itself."""
    return read_body(body).canonical()


def encode(value: Any, *, odd: bool = False) -> bytes:
    """Canonical JSON of a value; `odd` where it may hold what is no JSON.

    Raises:
        RecursionError: it is nested too deeply.
    """
    if not odd:
        return _encode(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
    try:
        return _encode(_decode(text))
    except _BROKEN:
        return text


def _odd_number(text: str) -> int | float:
    value = float(text)
    return int(value) if abs(value) < _WHOLE and value.is_integer() else value


def _number(text: str) -> int | float:
    value = _odd_number(text)
    if math.isinf(value):
        raise ValueError("beyond any float")
    return value


_decode: Final = msgspec.json.Decoder(float_hook=_number).decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def _odd(body: bytes) -> Body:
    """JSON as lenient parsers take it, or bytes."""
    try:
        value = json.loads(body, parse_float=_odd_number)
        encode(value, odd=True)
    except _BROKEN:
        return Body(Kind.BYTES, data=body)
    return Body(Kind.ODD, value)


def _multipart(body: bytes) -> Body:
    first = _FIRST_LINE.match(body)
    if first is None or not body.rstrip(b"\r\n").endswith(first.group() + b"--"):
        return Body(Kind.BYTES, data=body)
    return Body(Kind.MULTIPART, data=body.replace(first.group(), _BOUNDARY))
