"""What a check comes back with."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Verdict(enum.Enum):
    """How it is; the value is the mark in front of the sentence."""

    GOOD = "✓"
    NOTE = "·"
    BAD = "✗"


class Finding(NamedTuple):
    """One sentence, or two."""

    verdict: Verdict
    text: str


def good(text: str) -> Finding:
    """All is well."""
    return Finding(Verdict.GOOD, text)


def note(text: str) -> Finding:
    """Worth knowing, and no failure."""
    return Finding(Verdict.NOTE, text)


def bad(text: str) -> Finding:
    """It will not work like this."""
    return Finding(Verdict.BAD, text)
