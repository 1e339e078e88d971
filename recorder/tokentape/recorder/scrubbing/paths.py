"""A user's JSON paths: members whose values are redacted whole."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from tokentape.recorder.scrubbing.edits import Edit
from tokentape.recorder.scrubbing.patterns import REDACTED
from tokentape.recorder.scrubbing.policy import steps_of
from tokentape.recorder.scrubbing.streams import data_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tokentape.recorder.scrubbing.policy import Policy

_LINE: Final = re.compile(rb"[^\r\n]+")
_FIELD: Final = len(b"data:")


@functools.lru_cache(maxsize=64)
def _compiled(paths: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(steps_of(path) for path in paths)


def path_edits(body: bytes, policy: Policy, *, stream: bool) -> list[Edit]:
    """What the paths change in a body: in the document, or in that of each line or event."""
    if not policy.json_paths:
        return []
    paths = _compiled(policy.json_paths)
    return [
        Edit(start, end, changed)
        for start, end in _documents(body, stream=stream)
        if (changed := _redacted(body[start:end], paths)) is not None
    ]


def _documents(body: bytes, *, stream: bool) -> Iterable[tuple[int, int]]:
    if stream:
        return ((start + _FIELD, end) for start, end in data_lines(body))
    if _parsed(body) is not None:
        return [(0, len(body))]
    return (line.span() for line in _LINE.finditer(body))


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _redacted(text: bytes, paths: Iterable[Sequence[str]]) -> bytes | None:
    """The document written anew, or `None` where nothing of it changed."""
    document = _parsed(text)
    found = [place for path in paths for place in _places(document, path)]
    for holder, key in found:
        holder[key] = REDACTED
    return json.dumps(document, separators=(",", ":")).encode() if found else None


def _places(node: object, path: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """Holder and key of each value at a path that is not redacted yet."""
    for key, value in _members(node, path[0]):
        if len(path) > 1:
            yield from _places(value, path[1:])
        elif value is not None and value != REDACTED:
            yield node, key


def _members(node: object, step: str) -> list[tuple[Any, object]]:
    if isinstance(node, dict):
        members = cast("dict[str, object]", node)
        return list(members.items()) if step == "*" else [(step, members[step])] if step in members else []
    if isinstance(node, list):
        elements = list(enumerate(cast("list[object]", node)))
        return elements if step == "*" else [one for one in elements if str(one[0]) == step]
    return []
