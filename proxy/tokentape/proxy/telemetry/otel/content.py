"""What was asked and answered, redacted, cut to size, and in the shape of the conventions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.messages import tolerant
from tokentape.proxy.telemetry.otel import conventions, wire
from tokentape.proxy.telemetry.otel.conversation import (
    input_messages,
    output_messages,
    read_message,
    system_instructions,
    tool_definitions,
)
from tokentape.proxy.telemetry.otel.exchanged import Exchanged
from tokentape.proxy.telemetry.otel.redaction import STRUCTURE, Redactor
from tokentape.proxy.telemetry.otel.values import any_value, key, key_value, structured

if TYPE_CHECKING:
    from tokentape.proxy.telemetry.otel.config import Content
    from tokentape.proxy.telemetry.otel.tally import Tally

_CUT: Final = "…"
_SHORTEST: Final = 16
"""Characters that every text may keep."""
_LEAST: Final = 64
"""Bytes under which a message is left out rather than cut."""

_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class Rendered(msgspec.Struct, frozen=True):
    """Content, ready to leave."""

    values: dict[str, Any]
    """By attribute, in structured form."""

    @property
    def pairs(self) -> list[bytes]:
        """The same as attributes of a span, whose texts are JSON; each with its length before it."""
        return [wire.length(key_value(key(name), _json(value))) for name, value in self.values.items()]


Renderer = Callable[[Exchanged], Rendered | None]


def _json(value: object) -> bytes:
    return any_value(value) if isinstance(value, bool) else structured(_encode(value).decode())


class ContentRenderer:
    """Makes content of what was exchanged.

    Args:
        content: how much, and what must not leave.
        tally: where content that could not be made is counted.

    Raises:
        re.error, ImportError, AttributeError: see `Redactor`.
    """

    def __init__(self, content: Content, tally: Tally) -> None:
        self._limit = content.limit
        self._redactor = Redactor(content.redact, content.hook)
        self._tally = tally
        self._failed = False

    def __call__(self, exchanged: Exchanged) -> Rendered | None:
        """The content of one call; `None` where it cannot be made, and above all where it is not redacted."""
        try:
            rendered = Rendered(
                fitted(
                    {name: self._redactor.value(value) for name, value in conversation(exchanged).items()},
                    self._limit,
                )
            )
        except Exception as error:
            self._tally.lose("failed", 1)
            if not self._failed:
                # The text of the error may hold what was to be redacted.
                _log.warning("Content of a call is left out: %s while it was redacted.", type(error).__name__)
            self._failed = True
            return None
        self._tally.sent += 1
        return rendered


def conversation(exchanged: Exchanged) -> dict[str, Any]:
    """All content of a call by attribute; what is empty is left out."""
    request = tolerant.parse(exchanged.request)
    asked = request if tolerant.is_object(request) else {}
    found = {
        conventions.OUTPUT_MESSAGES: output_messages(
            read_message(exchanged.response, stream=exchanged.stream)
        ),
        conventions.SYSTEM_INSTRUCTIONS: system_instructions(asked.get("system")),
        conventions.TOOL_DEFINITIONS: tool_definitions(asked.get("tools")),
        conventions.INPUT_MESSAGES: input_messages(asked.get("messages")),
    }
    return {name: value for name, value in found.items() if value}


def fitted(found: dict[str, Any], limit: int) -> dict[str, Any]:
    """As much as `limit` bytes of JSON hold: the answer first, then instructions, then the last messages.

    Where something was cut or left out, an attribute says so.
    """
    kept: dict[str, Any] = {}
    left = limit
    shares = {
        conventions.OUTPUT_MESSAGES: 0.5,
        conventions.SYSTEM_INSTRUCTIONS: 0.4,
        conventions.TOOL_DEFINITIONS: 0.4,
    }
    for name, share in shares.items():
        if name in found and (value := shrunk(found[name], int(left * share))):
            kept[name] = value
            left -= len(_encode(value))
    if last := _last(found.get(conventions.INPUT_MESSAGES, []), left):
        kept[conventions.INPUT_MESSAGES] = last
    if any(kept.get(name) != value for name, value in found.items()):
        kept[conventions.CONTENT_TRUNCATED] = True
    return kept


def _last(messages: list[Any], left: int) -> list[Any]:
    """The last messages that fit; the one before them is cut where there is room for some of it."""
    kept: list[Any] = []
    left -= 2
    for message in reversed(messages):
        size = len(_encode(message)) + 1
        fits = message if size <= left else shrunk(message, left - 1) if left > _LEAST else None
        if fits is None:
            break
        kept.insert(0, fits)
        left -= len(_encode(fits)) + 1
        if fits is not message:
            break
    return kept


def shrunk(value: Any, most: int) -> Any:
    """The value with its texts cut until it takes at most so many bytes of JSON; `None` where it cannot."""
    size = len(_encode(value))
    if size <= most:
        return value
    cap = max(most, 1)
    while cap >= _SHORTEST:
        cut = _capped(value, cap)
        if len(_encode(cut)) <= most:
            return cut
        cap //= 2
    return None


def _capped(value: Any, cap: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= cap else value[: cap - 1] + _CUT
    if tolerant.is_object(value):
        return {name: item if name in STRUCTURE else _capped(item, cap) for name, item in value.items()}
    if tolerant.is_array(value):
        return [_capped(item, cap) for item in value]
    return value
