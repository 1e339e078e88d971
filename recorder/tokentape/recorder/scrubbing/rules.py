"""The shape of a rule: where to look, what must stand there, and what of it is the secret.

A body has 200 KB and nearly never a secret, so rules are made to be passed over. Each has an anchor, a few
fixed bytes that C code finds fast, and its pattern is tried only where an anchor stands. Patterns are over
raw bytes: JSON, text and form data alike, with JSON's escapes as they are written.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

Pattern = re.Pattern[bytes]

LEFT: Final = rb"(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"
"""What stands before a token begins no word: nothing, a sign, or the letter that ends an escape."""

UUID: Final = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of secret in one kind of place."""

    kind: str
    """Lower-case words joined by `-`; it stands in the placeholder."""
    anchor: bytes
    pattern: Pattern
    """Matched from the anchor on. What is redacted is the last group that took part, else all of it."""
    before: Pattern | None = None
    """Must be found in the 32 bytes before the anchor; it ends in `\\Z`."""
    folded: bool = False
    """Anchor and patterns are in lower case, for a text that is."""
    cut: Pattern | None = None
    """What the beginning of such a secret looks like at the end of a text that broke off."""


def shape(kind: str, anchor: str, chars: str, least: int, *, exactly: bool = False) -> Rule:
    """A token that its first characters give away: at least `least` of `chars` follow, or exactly so many."""
    many = f"[{chars}]{{{least}}}(?![A-Za-z0-9_-])" if exactly else f"[{chars}]{{{least},}}"
    return plain(kind, anchor, re.escape(anchor) + many, cut=re.escape(anchor) + rf"[{chars}]*")


def plain(kind: str, anchor: str, pattern: str, *, cut: str = "") -> Rule:
    """A token that has no word before it and follows a pattern."""
    return Rule(
        kind=kind,
        anchor=anchor.encode(),
        pattern=re.compile(LEFT + b"(?:" + pattern.encode() + b")"),
        cut=re.compile(LEFT + b"(?:" + cut.encode() + rb")\Z") if cut else None,
    )
