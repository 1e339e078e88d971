"""What a call says of itself: every attribute of spans and events, in one table.

Nothing here holds prompt or answer text. `docs/opentelemetry.md` is written from this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.telemetry.otel import wire
from tokentape.proxy.telemetry.otel.conventions import LABEL_PREFIX
from tokentape.proxy.telemetry.otel.own import MONEY, OURS
from tokentape.proxy.telemetry.otel.standard import ANTHROPIC, CONVENTIONS
from tokentape.proxy.telemetry.otel.values import Value, any_value, key, key_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.otel.conventions import Edition

ATTRIBUTES: Final = (*CONVENTIONS, *ANTHROPIC, *MONEY, *OURS)
"""All of them, in the order in which they are sent."""

_KEPT: Final = 64
"""Values of an attribute that are kept as they were written: most come again with the next call."""


class Facts:
    """The table in one edition, made ready to be read and written."""

    def __init__(self, edition: Edition) -> None:
        named = [(attribute.named(edition), attribute.read) for attribute in ATTRIBUTES]
        self._rows = [(name, key(name), read, dict[Value, bytes]()) for name, read in named if name]

    def of(self, call: Call, bill: Bill | None) -> Iterator[tuple[str, Value]]:
        """Every attribute that a call has, by name."""
        for name, _, read, _ in self._rows:
            value = read(call, bill)
            if value is not None:
                yield name, value
        for label, carried in _labels(call):
            yield LABEL_PREFIX + label, carried

    def encoded(self, call: Call, bill: Bill | None) -> list[bytes]:
        """The same as `KeyValue` messages, each with its length before it."""
        written: list[bytes] = []
        for _, named, read, kept in self._rows:
            value = read(call, bill)
            if value is None:
                continue
            pair = kept.get(value)
            if pair is None:
                pair = wire.length(key_value(named, any_value(value)))
                if len(kept) < _KEPT:
                    kept[value] = pair
            written.append(pair)
        for name, value in _labels(call):
            written.append(wire.length(key_value(key(LABEL_PREFIX + name), any_value(value))))
        return written


def _labels(call: Call) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in call.labels.items() if name != "project")
