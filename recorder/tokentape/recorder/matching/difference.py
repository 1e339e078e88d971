"""Where two requests differ: JSON paths, with what was recorded and what was sent.

Both are compared without what is volatile. All is bounded: how many differences are looked for, and how
much of a value is shown, which is what lies around the first character that differs.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.messages.tolerant import is_array, is_object
from tokentape.recorder.matching.canonical import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokentape.recorder.matching.keys import Reading

    Mask = Callable[[str], str]

MOST: Final = 20
"""Differences that are shown."""
_LOOKED_FOR: Final = 200
_DEEPEST: Final = 64
_BEFORE: Final = 24
_AFTER: Final = 72
"""Characters that are shown around the first one that differs."""
_MASKED: Final = 2000
"""Characters around it that are masked together: a secret must not be cut before it is known as one."""
_ABSENT: Final = object()
_Found = tuple[str, Any, Any]


class Difference(msgspec.Struct, frozen=True):
    """One place where a request and a recording differ."""

    path: str
    """A JSON path, or `method`, `path`, `query`, `header anthropic-beta`, `body`."""
    recorded: str | None
    """JSON text, cut and masked; `None` where it has none."""
    sent: str | None

    def __str__(self) -> str:
        """As one line."""
        if self.recorded is None:
            return f"{self.path}: sent {self.sent}, and nothing was recorded there"
        if self.sent is None:
            return f"{self.path}: recorded {self.recorded}, and nothing was sent there"
        if self.recorded == self.sent:
            return f"{self.path}: differs in what is masked: {self.sent}"
        return f"{self.path}: recorded {self.recorded}, sent {self.sent}"


class Comparison(msgspec.Struct, frozen=True):
    """How two requests differ."""

    differences: tuple[Difference, ...] = ()
    """The first ones."""
    more: int = 0
    """How many others there are, as far as they were counted."""

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.differences) + self.more


def compare(recorded: Reading, sent: Reading, mask: Mask) -> Comparison:
    """How a request differs from a recorded one; `mask` takes the secrets out of a text."""
    found = _found(recorded, sent)
    shown = tuple(_shown(path, old, new, mask) for path, old, new in found[:MOST])
    return Comparison(shown, len(found) - len(shown))


def count(recorded: Reading, sent: Reading) -> int:
    """How many differences there are, as far as they are counted."""
    return len(_found(recorded, sent))


def _found(recorded: Reading, sent: Reading) -> list[_Found]:
    try:
        return list(islice(_all(recorded, sent), _LOOKED_FOR))
    except RecursionError:
        return [("body", _text(recorded), _text(sent))]


def _all(recorded: Reading, sent: Reading) -> Iterator[_Found]:
    heads: tuple[_Found, ...] = (
        ("method", recorded.request.method.upper(), sent.request.method.upper()),
        ("path", recorded.head.path, sent.head.path),
        ("query", recorded.head.query, sent.head.query),
        ("header anthropic-beta", recorded.betas, sent.betas),
    )
    if recorded.head.normal == sent.head.normal:
        heads = heads[3:]
    yield from (each for each in heads if each[1] != each[2])
    if recorded.body.is_json and sent.body.is_json:
        yield from _values("$", recorded.value, sent.value, 0)
    elif recorded.body.canonical() != sent.body.canonical():
        yield "body", _text(recorded), _text(sent)


def _text(reading: Reading) -> Any:
    return reading.body.canonical().decode("utf-8", "replace") or _ABSENT


def _values(path: str, old: Any, new: Any, depth: int) -> Iterator[_Found]:
    if depth < _DEEPEST and is_object(old) and is_object(new):
        for key in sorted(old.keys() | new.keys()):
            yield from _values(_member(path, key), old.get(key, _ABSENT), new.get(key, _ABSENT), depth + 1)
    elif depth < _DEEPEST and is_array(old) and is_array(new):
        yield from _arrays(path, old, new, depth)
    elif old is not new and not _same(old, new):
        yield path, old, new


def _same(old: Any, new: Any) -> bool:
    """Equal as JSON: `true` is not 1, and NaN is NaN."""
    if isinstance(old, float) and isinstance(new, float) and math.isnan(old):
        return math.isnan(new)
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _arrays(path: str, old: list[Any], new: list[Any], depth: int) -> Iterator[_Found]:
    """Element by element; what was put in or left out in the middle does not move what follows."""
    end = 0
    shorter = min(len(old), len(new))
    if len(old) != len(new):
        start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
        while end < shorter - start and old[-1 - end] == new[-1 - end]:
            end += 1
    for index in range(max(len(old), len(new)) - end):
        before = old[index] if index < len(old) - end else _ABSENT
        after = new[index] if index < len(new) - end else _ABSENT
        yield from _values(f"{path}[{index}]", before, after, depth + 1)


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{encode(key, odd=True).decode()}]"


def _shown(path: str, old: Any, new: Any, mask: Mask) -> Difference:
    before, after = _spelled(old), _spelled(new)
    place = _first_difference(before or "", after or "")
    return Difference(mask(path), _around(before, place, mask), _around(after, place, mask))


def _spelled(value: Any) -> str | None:
    """JSON text, for reading."""
    if value is _ABSENT:
        return None
    try:
        return encode(value, odd=True).decode("utf-8", "replace")
    except RecursionError:
        return "(nested too deeply)"


def _first_difference(one: str, other: str) -> int:
    """The place of the first character that differs."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _around(text: str | None, place: int, mask: Mask) -> str | None:
    """What lies around a place, masked before it is cut."""
    if text is None:
        return None
    start, stop = max(0, place - _MASKED), place + _MASKED
    whole = mask(text[start:stop])
    place = _first_difference(mask(text[start:place]), whole)
    begin, end = max(0, place - _BEFORE), place + _AFTER
    cut_before, cut_after = start or begin, stop < len(text) or end < len(whole)
    return f"{'…' if cut_before else ''}{whole[begin:end]}{'…' if cut_after else ''}"
