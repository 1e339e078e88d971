"""The text that the stand-in speaks: one paragraph, over and over, four characters a token.

It holds what parsers stumble over: quotes, backslashes, line ends, and characters of two, three and
four bytes.
"""

from __future__ import annotations

from typing import Final

from tokentape.recorder.standin.tokens import CHARACTERS

_PARAGRAPH: Final = (
    "A tape keeps what was said, as it was said, and in the order in which it came. Whoever plays it "
    'back hears the same words after the same pauses, and nobody has to say "once more, please". '
    "A meter is humbler: it hears everything and keeps only the numbers. Tokens in, tokens out, what "
    "was read from a cache and what was written to one … and the time until the first word.\n\n"
    "Neither may ever slow the speaker down. That is why they listen from the next room \\o/, where a "
    "cough, a full disk or a broken pencil 🖍 disturbs no one; the only thing that crosses the wall "
    "is the sound itself. Café, naïve, 数える, データ: every letter counts, and none counts twice.\n\n"
)


def spoken(tokens: int, seed: int) -> str:
    """So many tokens of text; the seed decides where in the paragraph it begins."""
    start = seed * 97 % len(_PARAGRAPH)
    length = tokens * CHARACTERS
    turns = -(-(start + length) // len(_PARAGRAPH))
    return (_PARAGRAPH * turns)[start : start + length]


def chunks(text: str, tokens: int) -> tuple[str, ...]:
    """A text cut into pieces of so many tokens."""
    size = tokens * CHARACTERS
    return tuple(text[place : place + size] for place in range(0, len(text), size))
