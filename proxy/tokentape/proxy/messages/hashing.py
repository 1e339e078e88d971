"""Salted hashes: things can be compared, and nobody can read or guess them back without the salt."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

_sorted_encoder = msgspec.json.Encoder(order="sorted")

DIGEST_LENGTH: Final = 16
"""Hex characters of a digest: 64 bits."""

_CREDENTIAL_LENGTH: Final = 12


def digest(salt: bytes, purpose: bytes, data: bytes) -> str:
    """Salted hash of `data`, 16 hex characters; the purpose keeps equal data of two kinds apart."""
    return hashlib.sha256(b"%b\0%b\0%b" % (salt, purpose, data)).hexdigest()[:DIGEST_LENGTH]


def credential_hash(salt: bytes, secret: bytes) -> str:
    """The `credential` label: short, and the same for a key whichever header carried it."""
    return digest(salt, b"credential", secret)[:_CREDENTIAL_LENGTH]


def canonical(value: Any) -> bytes:
    """Canonical JSON of a parsed JSON value: keys sorted, no spaces, UTF-8 not escaped.

    Raises:
        RecursionError: the value is nested too deeply.
    """
    return _sorted_encoder.encode(value)


def canonical_lines(values: list[Any]) -> list[bytes]:
    """Canonical JSON of each value; JSON has no line ends of its own.

    Raises:
        RecursionError: a value is nested too deeply.
    """
    return _sorted_encoder.encode_lines(values).splitlines()


def digest_input(salt: bytes, value: Any) -> str:
    """Salted hash of a tool's input, given as the parsed JSON value: equal inputs, equal digests."""
    return digest(salt, b"input", canonical(value))
