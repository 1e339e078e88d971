"""Where the secrets of a text stand.

A base64 run is no place for a secret: what looks like one there is chance. Media and signatures are known by
their names (`PROTECTED`), other long runs by their length.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from tokentape.recorder.scrubbing.escapes import shortest
from tokentape.recorder.scrubbing.named import NAMED, USER_ID
from tokentape.recorder.scrubbing.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tokentape.recorder.scrubbing.rules import Rule

PLACEHOLDER: Final = re.compile(rb"REDACTED(?:-[a-z]+)*")
"""What stands in a secret's place: constant, so that any two keys come out as one."""

_PROTECTED_NAMES: Final = (b"data", b"signature", b"encrypted_")
_PROTECTED: Final = re.compile(
    rb'(?:data|signature|encrypted_(?:content|index|stdout))\\*"\s*:\s*'
    rb'\\*"([A-Za-z0-9+/_-](?:[A-Za-z0-9+/_-]|\\*/|\\+[nr]){63,}={0,2})'
)
"""Base64 by its name in the API: media, thinking signatures, redacted thinking, search results."""
_LINE_ENDS: Final = re.compile(rb"(?:\\+[nr])*+")

_BLOB: Final = 128
"""Characters of a base64 run in which no token can be told from chance."""
_BLOB_BEFORE: Final = re.compile(rb"[A-Za-z0-9+/]*\Z")
_BLOB_AFTER: Final = re.compile(rb"[A-Za-z0-9+/]*")

_LITERAL_KIND: Final = "api-key"
"""That of a key with a shape, so that both kinds of key come out as one."""
_LITERAL_LEAST: Final = 12
"""Bytes of a credential that is searched for as such; a shorter one may be a word of the text."""


_LEAST: Final = 8
"""A shorter text holds no secret with what would tell of it."""

ROUNDS: Final = 4
"""Times a text is searched at most: with a placeholder in it, what stands around may be another secret."""


class Span(NamedTuple):
    """A secret's place."""

    start: int
    end: int
    kind: str


def placeholder(kind: str) -> bytes:
    """What is put in a secret's place."""
    return b"REDACTED-" + kind.encode()


def _by_anchor(rules: Iterable[Rule]) -> tuple[tuple[bytes, tuple[Rule, ...]], ...]:
    grouped: defaultdict[bytes, list[Rule]] = defaultdict(list)
    for rule in rules:
        grouped[rule.anchor].append(rule)
    return tuple((anchor, tuple(found)) for anchor, found in grouped.items())


_SHAPES: Final = _by_anchor(SHAPES)
_NAMED: Final = _by_anchor(NAMED)


def find(text: bytes, *, literals: Sequence[bytes] = (), cut: bool = False) -> list[Span]:
    """The secrets in a text, in order, none over another; a placeholder is none.

    `literals` are credentials that are known as such. `cut` says that the text broke off: then the
    beginning of a token at its end counts too.
    """
    reading = shortest(text)
    if reading is None:
        return _find(text, literals, cut=cut)
    found = _find(reading.text, literals, cut=cut)
    return [Span(reading.place(span.start), reading.place(span.end), span.kind) for span in found]


def _find(text: bytes, literals: Sequence[bytes], *, cut: bool) -> list[Span]:
    found = list(_search(text, _SHAPES, cut=cut))
    found += _search(text.lower(), _NAMED, cut=cut)
    for literal in literals:
        found += (Span(at, at + len(literal), _LITERAL_KIND) for at in _places(text, literal))
    secrets = [span for span in merged(found) if not PLACEHOLDER.fullmatch(text, span.start, span.end)]
    if not secrets:
        return []
    kept = protected(text)
    return [span for span in secrets if not _within(text, span, kept) and not _in_blob(text, span)]


def find_user_ids(body: bytes) -> list[Span]:
    """Where a request's body has its `metadata.user_id`, less those that are redacted."""
    found = [_match(body, at, USER_ID, cut=False) for at in _places(body, USER_ID.anchor)]
    return [
        span for span in found if span is not None and not PLACEHOLDER.fullmatch(body, span.start, span.end)
    ]


def without_secrets(text: bytes, literals: Sequence[bytes] = ()) -> bytes:
    """A text with placeholders for its secrets."""
    for _ in range(ROUNDS):
        found = find(text, literals=literals) if len(text) >= _LEAST else []
        for span in reversed(found):
            text = text[: span.start] + placeholder(span.kind) + text[span.end :]
        if not found:
            break
    return text


def usable_literals(credentials: Iterable[bytes]) -> tuple[bytes, ...]:
    """The credentials that are long enough to be searched for, longest first."""
    kept = {one for one in credentials if len(one) >= _LITERAL_LEAST and not PLACEHOLDER.fullmatch(one)}
    return tuple(sorted(kept, key=lambda one: (-len(one), one)))


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order; those that overlap are one, under the name of the first and longest."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end, one.kind)):
        if result and span.start < result[-1].end:
            last = result[-1]
            result[-1] = last._replace(end=max(last.end, span.end))
        else:
            result.append(span)
    return result


def protected(text: bytes) -> list[tuple[int, int]]:
    """Where media and signatures stand."""
    matches = (_PROTECTED.match(text, at) for name in _PROTECTED_NAMES for at in _places(text, name))
    return [match.span(1) for match in matches if match is not None]


def _search(text: bytes, rules: Sequence[tuple[bytes, tuple[Rule, ...]]], *, cut: bool) -> Iterator[Span]:
    for anchor, alternatives in rules:
        if anchor in text:
            for at in _places(text, anchor):
                for rule in alternatives:
                    span = _match(text, at, rule, cut=cut)
                    if span is not None:
                        yield span


def _places(text: bytes, anchor: bytes) -> Iterator[int]:
    at = text.find(anchor)
    while at >= 0:
        yield at
        at = text.find(anchor, at + len(anchor))


def _match(text: bytes, at: int, rule: Rule, *, cut: bool) -> Span | None:
    match = rule.pattern.match(text, at)
    if match is None and cut and rule.cut is not None:
        match = rule.cut.match(text, at)
    if match is None or (rule.before and not rule.before.search(text, max(0, at - 32), at)):
        return None
    start, end = match.span(match.lastindex or 0)
    return Span(start, end, rule.kind) if end > start else None


def _within(text: bytes, span: Span, kept: Sequence[tuple[int, int]]) -> bool:
    """Whether the span is a part of media; one that is all of it is no chance."""
    return any(
        start <= span.start
        and span.end <= end
        and not (start == span.start and _LINE_ENDS.fullmatch(text, span.end, end))
        for start, end in kept
    )


def _in_blob(text: bytes, span: Span) -> bool:
    """Whether the span lies within a long base64 run, as a part of it."""
    before = _BLOB_BEFORE.search(text, max(0, span.start - _BLOB), span.start)
    after = _BLOB_AFTER.match(text, span.end, span.end + _BLOB)
    around = (len(before[0]) if before else 0) + (len(after[0]) if after else 0)
    return around >= _BLOB
