"""The chain of a prompt's prefixes: has what comes before this message changed since last time?

Prefix sums cover tools, system and messages up to their part, in the order in which the API's
prompt cache compares them (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching), as
the JSON text that was sent, without `cache_control`: marks move from turn to turn and do not change
what is cached.

A sum is a CRC-32 of that text that starts from the salt. To put the text through SHA-256 would cost as
much as all else together, and 32 bits are plenty to tell whether two prompts of one conversation differ.
Sums stay in the observer's memory: a CRC does not hide what it was made of.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

    Text = Raw | bytes

MAX_PREFIXES: Final = 32
"""Prefix sums kept: the last ones. The chain still runs through all parts."""

# Inside a JSON string every quote has a backslash before it, so this matches keys only.
_MARK: Final = re.compile(
    rb',\s*"cache_control"\s*:\s*(?:\{[^{}]*\}|null)|"cache_control"\s*:\s*(?:\{[^{}]*\}|null)\s*,?'
).sub


def unmarked(text: Text) -> bytes:
    """JSON text without `cache_control`."""
    return _MARK(b"", bytes(text))


class Chain:
    """Sums up parts of a prompt one after the other, each together with all before it."""

    __slots__ = ("_checksum", "_states", "parts")

    def __init__(self, salt: bytes) -> None:
        self._checksum = zlib.crc32(salt)
        self._states: list[int] = []
        self.parts: list[str] = []
        """Names of the parts that have a sum."""

    def add(self, part: str, text: Text) -> None:
        """Add one part of the prompt."""
        self._checksum = zlib.crc32(text, self._checksum)
        self._states.append(self._checksum)
        self.parts.append(part)

    def add_messages(self, roles: Sequence[Text], contents: Sequence[Text]) -> None:
        """Add all messages. Those without a sum of their own are summed up in one go."""
        crc, checksum = zlib.crc32, self._checksum
        unnamed = max(0, len(contents) - MAX_PREFIXES)
        if unnamed:
            pairs = zip(roles[:unnamed], contents[:unnamed], strict=True)
            checksum = crc(b"".join([text for pair in pairs for text in pair]), checksum)
        states = self._states
        for index in range(unnamed, len(contents)):
            checksum = crc(contents[index], crc(roles[index], checksum))
            states.append(checksum)
        self.parts += _message_names(unnamed, len(contents))
        self._checksum = checksum

    def whole(self) -> bytes:
        """The sum of all parts."""
        return b"%08x" % self._checksum

    def sums(self) -> tuple[int, ...]:
        """The sums of the last prefixes."""
        return tuple(self._states[-MAX_PREFIXES:])


@lru_cache(maxsize=256)
def _message_names(start: int, stop: int) -> tuple[str, ...]:
    return tuple([f"messages.{index}" for index in range(start, stop)])
