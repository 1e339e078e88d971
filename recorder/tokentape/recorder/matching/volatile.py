"""What is left out of the normalised key: what varies between two runs of one program and means nothing.

Of the Messages API (`anthropic.types.MessageCreateParams`), alone or inside a batch:
`metadata.user_id`; Claude Code's billing block, a system text that begins with
`x-anthropic-billing-header:`; `cache_control`, which moves from turn to turn; `stream: false`, which is
what nothing means; and whether one text is written as a string or as a block, because a mark can only
stand on a block. Beyond that, what `Rules` name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.messages.tolerant import is_array, is_object
from tokentape.recorder.scrubbing.policy import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.recorder.matching.rules import Rules

BILLING: Final = "x-anthropic-billing-header:"
ANYTHING: Final = "*"
"""A step of a path that is any member or element."""
_LEFT_OUT: Final = "~"
_MARK: Final = "cache_control"
_DEEPEST: Final = 8
"""Tool results hold blocks, and these no tool results; whoever sends them so gets an answer all the same."""


class Normaliser:
    """Leaves out what is volatile under some rules."""

    __slots__ = ("_paths", "_patterns")

    def __init__(self, rules: Rules) -> None:
        self._paths = [steps_of(path) for path in rules.json_paths]
        self._patterns = [re.compile(pattern) for pattern in rules.patterns]

    @property
    def reads_text(self) -> bool:
        """There are patterns."""
        return bool(self._patterns)

    def value(self, value: Any) -> Any:
        """A JSON value without what is volatile. The value itself is changed, too."""
        for params in _params(value):
            _normalise(params)
        for steps in self._paths:
            _remove(value, steps)
        return self._strings(value) if self._patterns else value

    def text(self, text: str) -> str:
        """A text without what the patterns match."""
        for pattern in self._patterns:
            text = pattern.sub(_without, text)
        return text

    def data(self, data: bytes) -> bytes:
        """A body that is no JSON, without what the patterns match."""
        if not self._patterns:
            return data
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _strings(self, value: Any) -> Any:
        """Apply the patterns to all strings but keys."""
        holder: list[Any] = [value]
        waiting: list[Any] = [holder]
        while waiting:
            each = waiting.pop()
            for key, child in _members(each):
                if isinstance(child, str):
                    each[key] = self.text(child)
                else:
                    waiting.append(child)
        return holder[0]


def _members(value: Any) -> list[tuple[Any, Any]]:
    if is_object(value):
        return list(value.items())
    return list(enumerate(value)) if is_array(value) else []


def _without(match: re.Match[str]) -> str:
    """The whole match left out, or its groups where it has any."""
    if not match.re.groups:
        return _LEFT_OUT
    text, start = match.group(), match.start()
    spans = {match.span(group) for group in range(1, match.re.groups + 1)}
    for begin, end in sorted(spans, reverse=True):
        if begin >= 0:
            text = text[: begin - start] + _LEFT_OUT + text[end - start :]
    return text


def _params(value: Any) -> Iterator[dict[str, Any]]:
    """The parameters of each message that a body asks for: of one, or of a batch."""
    if not is_object(value):
        return
    if is_array(value.get("messages")):
        yield value
    requests = value.get("requests")
    for request in requests if is_array(requests) else ():
        if is_object(request) and is_object(params := request.get("params")):
            yield params


def _normalise(params: dict[str, Any]) -> None:
    params.pop(_MARK, None)
    if params.get("stream") is False:
        del params["stream"]
    metadata = params.get("metadata")
    if is_object(metadata) and "user_id" in metadata:
        del metadata["user_id"]
        if not metadata:
            del params["metadata"]
    _unmark(params.get("tools"))
    _system(params)
    messages = params.get("messages")
    for message in messages if is_array(messages) else ():
        if is_object(message):
            _content(message, "content")


def _system(params: dict[str, Any]) -> None:
    system = params.get("system")
    if is_array(system):
        kept = [block for block in system if not _is_billing(block)]
        params["system"] = kept
        _content(params, "system")
        if system and not kept:
            del params["system"]


def _is_billing(block: Any) -> bool:
    return is_object(block) and isinstance(text := block.get("text"), str) and text.startswith(BILLING)


def _content(holder: dict[str, Any], key: str, depth: int = 0) -> None:
    """Take the marks off blocks and what is in them; one that is a mere text becomes a string."""
    blocks = holder.get(key)
    if not is_array(blocks):
        return
    _unmark(blocks)
    for block in blocks:
        if is_object(block) and block.get("type") == "tool_result" and depth < _DEEPEST:
            _content(block, "content", depth + 1)
    if len(blocks) == 1 and _is_plain_text(blocks[0]):
        holder[key] = blocks[0]["text"]


def _is_plain_text(block: Any) -> bool:
    """A block that says no more than a string could."""
    return (
        is_object(block)
        and block.keys() == {"type", "text"}
        and block["type"] == "text"
        and isinstance(block["text"], str)
    )


def _unmark(blocks: Any) -> None:
    for block in blocks if is_array(blocks) else ():
        if is_object(block):
            block.pop(_MARK, None)


def _remove(value: Any, steps: tuple[str, ...]) -> None:
    """Leave out what a path names; an element of an array becomes null, so that the others stay in place."""
    *way, last = steps
    for holder in _reached(value, way):
        if is_object(holder):
            for key in list(holder) if last == ANYTHING else [last]:
                holder.pop(key, None)
        elif is_array(holder):
            for index in _indexes(holder, last):
                holder[index] = None


def _reached(value: Any, way: list[str]) -> list[Any]:
    reached = [value]
    for step in way:
        reached = [child for each in reached for child in _children(each, step)]
    return reached


def _children(value: Any, step: str) -> list[Any]:
    if is_object(value):
        return list(value.values()) if step == ANYTHING else [value[step]] if step in value else []
    return [value[index] for index in _indexes(value, step)] if is_array(value) else []


def _indexes(array: list[Any], step: str) -> list[int]:
    if step == ANYTHING:
        return list(range(len(array)))
    return [int(step)] if step.isdecimal() and len(step) < 10 and int(step) < len(array) else []
