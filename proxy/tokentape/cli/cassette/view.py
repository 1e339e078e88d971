"""What recordings say, fit for a terminal: no secrets, no control characters, and not too long."""

from __future__ import annotations

from typing import Final

from tokentape.recorder.scrubbing.scrub import scrub_text

_KEPT: Final = "\n\t"


def plain(text: str) -> str:
    """A text in one line."""
    return block(text).replace("\n", "⏎").replace("\t", " ")


def block(text: str) -> str:
    """A text in lines. A terminal obeys what control characters say, and recordings come from outside."""
    return "".join(letter if letter.isprintable() or letter in _KEPT else "�" for letter in scrub_text(text))


def cut(text: str, most: int | None) -> str:
    """At most so many characters, and how many more there are."""
    if most is None or len(text) <= most:
        return text
    return f"{text[:most].rstrip()}… ({len(text) - most:,} more characters)"
