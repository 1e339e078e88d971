"""What differs between two cassettes, event by event.

What differs between any two recordings of the same thing is left out: the padding inside of events and pings,
ids (each counts as what it is and the how-manieth), signatures and other sealed data, headers and times.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.tolerant import is_array, is_object
from tokentape.recorder.editing.replies import events_of, is_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentape.recorder.cassette.interaction import Cassette, Interaction

_ID: Final = re.compile(r"\b([a-z]{2,16})_(?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{16,}\b")
"""`msg_01...`, `toolu_01...`, `req_01...`, `file_01...`: https://platform.claude.com/docs/en/api/errors."""
_SEALED: Final = frozenset({"signature", "encrypted_content", "encrypted_index", "encrypted_stdout"})
_DEEPEST: Final = 100
_AROUND: Final = 60
"""Characters shown on either side of the first that differs."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place in which two cassettes are not the same."""

    old: int | None
    """The interaction in the first cassette, counted from 0; `None` where it has none."""
    new: int | None
    path: str
    """Such as `request.body.messages[0].content` or `response.events[3].delta.text`; empty for all of it."""
    before: str | None = None
    """JSON text around the first character that differs; `None` where there is nothing."""
    after: str | None = None


def differences(old: Cassette, new: Cassette) -> Iterator[Difference]:
    """All differences, in order. Interactions are told apart by what they asked."""
    before, after = [_plain(one) for one in old.interactions], [_plain(one) for one in new.interactions]
    for first, second in _aligned([_asked(one) for one in before], [_asked(one) for one in after]):
        if first is None or second is None:
            gone = None if first is None else _cut(_asked(before[first]), 0)
            come = None if second is None else _cut(_asked(after[second]), 0)
            yield Difference(old=first, new=second, path="", before=gone, after=come)
            continue
        for path, one, other in _values("", before[first], after[second], 0):
            left, right = _around(one, other)
            yield Difference(old=first, new=second, path=path, before=left, after=right)


_NONE: Final = object()
_Found = tuple[str, Any, Any]


def _plain(interaction: Interaction) -> dict[str, Any]:
    """An interaction as JSON values, less what is never the same twice."""
    names: dict[str, str] = {}
    request, response = interaction.request, interaction.response
    asked = {"method": request.method, "uri": request.uri, "body": _document(request.body)}
    answer: dict[str, Any] = {"status": response.status, "ending": response.ending.value}
    if is_stream(response):
        answer["events"] = [event for event in events_of(response) if event != {"type": "ping"}]
    else:
        answer["body"] = _document(response.body)
    return {"request": _settled(asked, names, 0), "response": _settled(answer, names, 0)}


def _asked(plain: dict[str, Any]) -> str:
    return _text(plain["request"])


def _document(body: bytes) -> Any:
    """As JSON, as JSON lines, or as text."""
    value = tolerant.parse(body)
    if value is not None:
        return value
    lines = [tolerant.parse(line) for line in body.splitlines()]
    return lines if lines and all(map(is_object, lines)) else body.decode("utf-8", "replace")


def _settled(value: Any, names: dict[str, str], depth: int) -> Any:
    if isinstance(value, str):
        return _ID.sub(lambda match: _named(match, names), value)
    if depth < _DEEPEST and is_array(value):
        return [_settled(one, names, depth + 1) for one in value]
    if depth < _DEEPEST and is_object(value):
        return {key: "" if key in _SEALED else _settled(one, names, depth + 1) for key, one in value.items()}
    return value


def _named(match: re.Match[str], names: dict[str, str]) -> str:
    """An id by its kind and place: the second tool use is `toolu_2`."""
    kind = match[1]
    count = sum(name.startswith(f"{kind}_") for name in names.values())
    return names.setdefault(match[0], f"{kind}_{count + 1}")


def _values(path: str, old: Any, new: Any, depth: int) -> Iterator[_Found]:
    if old == new and type(old) is type(new):
        return
    if depth < _DEEPEST and is_object(old) and is_object(new):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _values(_member(path, key), old.get(key, _NONE), new.get(key, _NONE), depth + 1)
    elif depth < _DEEPEST and is_array(old) and is_array(new):
        for first, second in _aligned([_text(one) for one in old], [_text(one) for one in new]):
            at = first if first is not None else second
            one = _NONE if first is None else old[first]
            other = _NONE if second is None else new[second]
            yield from _values(f"{path}[{at}]", one, other, depth + 1)
    else:
        yield path, old, new


def _member(path: str, key: str) -> str:
    name = key if re.fullmatch(r"[A-Za-z_][\w-]*", key) else f'["{key}"]'
    return f"{path}.{name}" if path and not name.startswith("[") else path + name


def _aligned(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int | None, int | None]]:
    """Places that belong together: those that are equal, and between them one after the other."""
    for _, begin, end, other, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        common = min(end - begin, last - other)
        yield from ((begin + step, other + step) for step in range(common))
        yield from ((at, None) for at in range(begin + common, end))
        yield from ((None, at) for at in range(other + common, last))


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _around(old: Any, new: Any) -> tuple[str | None, str | None]:
    """Both as JSON text, around the first character that differs."""
    one = None if old is _NONE else _text(old)
    other = None if new is _NONE else _text(new)
    if one is None or other is None:
        return one and _cut(one, 0), other and _cut(other, 0)
    at = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    return _cut(one, at), _cut(other, at)


def _cut(text: str, at: int) -> str:
    start = max(0, at - _AROUND)
    end = start + 2 * _AROUND
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
