"""A call as an event: `LogRecord` of opentelemetry/proto/logs/v1/logs.proto, and the same as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.telemetry.otel import conventions, wire
from tokentape.proxy.telemetry.otel.spans import nanoseconds
from tokentape.proxy.telemetry.otel.values import any_value, key, key_value, structured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.otel.attributes import Facts
    from tokentape.proxy.telemetry.otel.context import Contexts
    from tokentape.proxy.telemetry.otel.values import Structured, Value

_INFO: Final = wire.number(2, 9) + wire.text(3, "INFO")
_WARN: Final = wire.number(2, 13) + wire.text(3, "WARN")
_DURATION: Final = key(conventions.DURATION)


class EventWriter:
    """Writes log records.

    Args:
        contexts: where ids come from, so that an event finds its span.
        constant: `KeyValue`s that every event has.
    """

    def __init__(self, contexts: Contexts, constant: Sequence[bytes] = ()) -> None:
        self._contexts = contexts
        self._constant = wire.repeated(6, constant)

    def event(self, call: Call, facts: Sequence[bytes]) -> bytes:
        """The record of one finished call; `facts` are its attributes, as `Facts.encoded` gives them."""
        duration = wire.length(key_value(_DURATION, any_value(call.timings.duration)))
        return self._record(call, conventions.CALL_EVENT, [*facts, duration])

    def content_event(self, call: Call, content: Mapping[str, Structured]) -> bytes:
        """The conventions' record of what was asked and answered."""
        values: list[tuple[str, bytes]] = [
            (conventions.OPERATION, any_value(conventions.CHAT)),
            *[(name, structured(value)) for name, value in content.items()],
        ]
        if call.model_asked:
            values.append((conventions.REQUEST_MODEL, any_value(call.model_asked)))
        pairs = [wire.length(key_value(key(name), value)) for name, value in values]
        return self._record(call, conventions.CONTENT_EVENT, pairs)

    def _record(self, call: Call, name: str, pairs: Sequence[bytes]) -> bytes:
        context, ended = self._contexts.of(call), nanoseconds(call.ended_at)
        sampled = self._contexts.sampled(call, context)
        return b"".join(
            (
                wire.fixed64(1, ended),
                wire.fixed64(11, ended),
                _INFO if conventions.error_type(call) is None else _WARN,
                self._constant,
                wire.repeated_sized(6, pairs),
                wire.fixed32(8, int(sampled)),
                wire.blob(9, context.trace_id),
                wire.blob(10, context.span_id),
                wire.text(12, name),
            )
        )


def plain_event(
    facts: Facts, contexts: Contexts, call: Call, bill: Bill | None, constant: Mapping[str, Value]
) -> dict[str, Value]:
    """The event of a call as flat JSON data: the names are those of the attributes."""
    context = contexts.of(call)
    return {
        "event.name": conventions.CALL_EVENT,
        "trace_id": context.trace_id.hex(),
        "span_id": context.span_id.hex(),
        **constant,
        **dict(facts.of(call, bill)),
        conventions.DURATION: call.timings.duration,
    }
