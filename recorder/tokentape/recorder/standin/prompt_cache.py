"""The prompt cache, as https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching describes it.

Tools, system and messages are one sequence of blocks. A mark (`cache_control`) asks for the prefix up
to its block to be kept, for 5 minutes or an hour from its last use. A later request reads the longest
kept prefix that ends at one of its marks or at most 20 blocks before one, and writes what lies
between that and its last mark. A prefix under the model's smallest size is neither kept nor read.

What is kept can be read by the next request at once; the real cache waits for the reply to begin.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tokentape.recorder.standin.request import MARKS, CacheControl, cache_control
from tokentape.recorder.standin.tokens import block_tokens, canonical, text_tokens
from tokentape.recorder.wire.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.recorder.standin.request import Block, Prompt

SECONDS: Final = {"5m": 300.0, "1h": 3600.0}
LOOKBACK: Final = 20
"""Blocks before a mark at which a kept prefix is looked for."""
_KEPT: Final = 20_000
"""Prefixes of all credentials; the one used longest ago goes first."""


class Unit(NamedTuple):
    """One block of a prompt."""

    role: bytes
    block: Block
    """With the role, what must be equal for the block to be the same."""
    tokens: int
    mark: CacheControl | None


class InputTokens(NamedTuple):
    """The tokens of a prompt, by what they cost; the kinds are disjoint."""

    uncached: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def total(self) -> int:
        """All tokens of the prompt."""
        return sum(self)


def units(prompt: Prompt) -> list[Unit]:
    """The blocks of a prompt in the order in which they are cached.

    Raises:
        ApiError: 400, a mark is none, or there are more than four.
    """
    found = [_unit(b"tool", block) for block in prompt.tools or ()]
    found += _part(b"system", prompt.system)
    # What changes the messages' meaning but not the tools' and the system's.
    found.append(Unit(msgspec.json.encode((prompt.tool_choice, prompt.thinking)), {}, 0, None))
    for message in prompt.messages:
        found += _part(message.role.encode(), message.content)
    if prompt.cache_control and found[-1].mark is None:
        found[-1] = found[-1]._replace(mark=prompt.cache_control)
    _check_marks([unit.mark.ttl for unit in found if unit.mark])
    return found


def _check_marks(ttls: list[str]) -> None:
    if len(ttls) > MARKS:
        raise invalid(f"A maximum of {MARKS} blocks with cache_control may be provided. Found {len(ttls)}.")
    if ttls != sorted(ttls):
        raise invalid(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that "
            "blocks are processed in the following order: `tools`, `system`, `messages`."
        )


def _part(role: bytes, content: str | list[Block] | None) -> Iterator[Unit]:
    if isinstance(content, str):
        # The same as one text block.
        yield Unit(role, {"type": "text", "text": content}, text_tokens(content), None)
    elif content:
        yield from (_unit(role, block) for block in content)


def _unit(role: bytes, block: Block) -> Unit:
    mark = cache_control(block) if "cache_control" in block else None
    return Unit(role, block, block_tokens(block), mark)


def _ttl(unit: Unit) -> str:
    return unit.mark.ttl if unit.mark else "5m"


def prompt_tokens(prompt: Prompt) -> int:
    """All tokens of a prompt."""
    return sum(unit.tokens for unit in units(prompt))


class _Kept:
    __slots__ = ("expires", "seconds")

    def __init__(self, expires: float, seconds: float) -> None:
        self.expires = expires
        self.seconds = seconds


class PromptCache:
    """The prefixes that are kept, for each credential and model. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, str, bytes], _Kept] = OrderedDict()

    def use(
        self, prompt: list[Unit], credential: bytes, model: str, smallest: int, now: float
    ) -> InputTokens:
        """Read and write for one request; return where its tokens went."""
        total = sum(unit.tokens for unit in prompt)
        marks = [index for index, unit in enumerate(prompt) if unit.mark]
        if not marks or total < smallest:
            return InputTokens(total)
        ends, hashes = _prefixes(prompt[: marks[-1] + 1])
        keys = [(credential, model, digest) for digest in hashes]
        place = self._read(keys, marks, now)
        read = ends[place] if place >= 0 else 0
        cacheable = [index for index in marks if index > place and ends[index] >= smallest]
        written = {"5m": 0, "1h": 0}
        position = read
        for index in cacheable:
            ttl = _ttl(prompt[index])
            self._keep(keys[index], SECONDS[ttl], now)
            written[ttl] += ends[index] - position
            position = ends[index]
        return InputTokens(total - position, read, written["5m"], written["1h"])

    def _read(self, keys: list[tuple[bytes, str, bytes]], marks: list[int], now: float) -> int:
        """The last block of the longest prefix that is kept, or -1; using it keeps it longer."""
        for mark in reversed(marks):
            for index in range(mark, max(-1, mark - LOOKBACK - 1), -1):
                kept = self._kept.get(keys[index])
                if kept and kept.expires > now:
                    kept.expires = now + kept.seconds
                    self._kept.move_to_end(keys[index])
                    return index
        return -1

    def _keep(self, key: tuple[bytes, str, bytes], seconds: float, now: float) -> None:
        self._kept[key] = _Kept(now + seconds, seconds)
        self._kept.move_to_end(key)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _prefixes(prompt: list[Unit]) -> tuple[list[int], list[bytes]]:
    """For each block, the tokens up to its end and the hash of all up to its end."""
    ends: list[int] = []
    hashes: list[bytes] = []
    tokens, digest = 0, b""
    for unit in prompt:
        tokens += unit.tokens
        digest = blake2b(digest + unit.role + canonical(unit.block), digest_size=16).digest()
        ends.append(tokens)
        hashes.append(digest)
    return ends, hashes
