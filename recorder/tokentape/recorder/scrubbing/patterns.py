"""A user's patterns, searched in decoded text.

A pattern sees each string as the application sees it, without escapes, and a streamed block as one text. It
never sees the names of members, media or signatures, and what is redacted already stays as it is.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tokentape.recorder.scrubbing.edits import Edit
from tokentape.recorder.scrubbing.finding import PLACEHOLDER, protected
from tokentape.recorder.scrubbing.streams import Piece, joined_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentape.recorder.scrubbing.policy import Policy

REDACTED: Final = "REDACTED"

_STRING: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"(\s*:)?')
"""A string; one with a colon after it is a member's name."""
_PLACEHOLDER: Final = re.compile(PLACEHOLDER.pattern.decode())


class _Range(NamedTuple):
    start: int
    end: int


@functools.lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


def redacted(text: str, policy: Policy) -> str:
    """A text without what the policy's patterns match."""
    return "".join(_redacted([text], policy))


def pattern_edits(body: bytes, policy: Policy, *, stream: bool) -> list[Edit]:
    """What the patterns change in a body: in its JSON strings, in streamed blocks, or in a plain text."""
    if not policy.patterns:
        return []
    if not stream and body.lstrip()[:1] not in {b"{", b"[", b'"'}:
        text = body.decode("utf-8", "surrogateescape")
        changed = redacted(text, policy)
        return [Edit(0, len(body), changed.encode("utf-8", "surrogateescape"))] if changed != text else []
    edits: list[Edit] = []
    for pieces in _texts(body, stream=stream):
        edits += _text_edits(body, pieces, policy)
    return sorted(edits)


def _texts(body: bytes, *, stream: bool) -> Iterator[Sequence[Piece]]:
    """The pieces of each text: one for a JSON string, several for a streamed block."""
    blocks = joined_blocks(body) if stream else []
    yield from blocks
    taken = {piece.start for block in blocks for piece in block}
    taken.update(start for start, _ in protected(body))
    for match in _STRING.finditer(body):
        if match[2] is None and match[1] and match.start(1) not in taken:
            yield [Piece(*match.span(1))]


def _text_edits(body: bytes, pieces: Sequence[Piece], policy: Policy) -> Iterator[Edit]:
    try:
        texts = [json.loads(b'"%b"' % body[piece.start : piece.end], strict=False) for piece in pieces]
    except ValueError:  # an escape that broke off, or bytes that are no text
        return
    for piece, text, changed in zip(pieces, texts, _redacted(texts, policy), strict=True):
        if changed != text:
            yield Edit(piece.start, piece.end, json.dumps(changed)[1:-1].encode())


def _redacted(texts: Sequence[str], policy: Policy) -> list[str]:
    """The pieces of a text, redacted as one: the placeholder stands where a match began."""
    result = list(texts)
    for pattern in _compiled(policy.patterns):
        for found in reversed(_matches("".join(result), pattern)):
            result = _replaced(result, found)
    return result


def _replaced(texts: Sequence[str], found: _Range) -> list[str]:
    result: list[str] = []
    at, put = 0, REDACTED
    for text in texts:
        first, last = max(found.start - at, 0), min(found.end - at, len(text))
        at += len(text)
        if first < last:
            result.append(text[:first] + put + text[last:])
            put = ""
        else:
            result.append(text)
    return result


def _matches(text: str, pattern: re.Pattern[str]) -> list[_Range]:
    """What to redact, in order: each match, or the groups of it that took part."""
    found: list[_Range] = []
    done = [_Range(*match.span()) for match in _PLACEHOLDER.finditer(text)]
    for match in pattern.finditer(text):
        groups = sorted({match.span(group) for group in range(1, (pattern.groups or 0) + 1)} - {(-1, -1)})
        for start, end in groups or [match.span()]:
            inside = any(one.start <= start and end <= one.end for one in done)
            if start < end and not inside and (not found or start >= found[-1].end):
                found.append(_Range(start, end))
    return found
