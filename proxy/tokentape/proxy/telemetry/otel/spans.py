"""A call as a span: `Span` of opentelemetry/proto/trace/v1/trace.proto."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.telemetry.otel import conventions, wire
from tokentape.proxy.telemetry.otel.values import attributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.telemetry.otel.context import Contexts, SpanContext

_KIND_CLIENT: Final = wire.number(6, 3)
_STATUS_ERROR: Final = 2
_SAMPLED: Final = 0x01
_REMOTE_IS_KNOWN: Final = 0x100
_REMOTE: Final = 0x200
_LINK_ATTRIBUTES: Final = wire.repeated(4, attributes({conventions.LINK_KIND: "retry"}))
_BROKEN_OFF: Final = frozenset({Outcome.CLIENT_ABORT, Outcome.UPSTREAM_ABORT, Outcome.TIMEOUT})


def nanoseconds(seconds: float) -> int:
    """Seconds since the epoch, as OTLP counts them."""
    return int(seconds * 1_000_000) * 1000


class SpanWriter:
    """Writes spans.

    Args:
        contexts: where ids and sampling come from.
        constant: `KeyValue`s that every span has.
    """

    def __init__(self, contexts: Contexts, constant: Sequence[bytes] = ()) -> None:
        self._contexts = contexts
        self._constant = wire.repeated(9, constant)

    def wants(self, call: Call) -> bool:
        """Whether there is a span for this call: a result of a batch is no request of its own."""
        return call.custom_id is None and self._contexts.sampled(call, self._contexts.of(call))

    def span(self, call: Call, facts: Sequence[bytes]) -> bytes:
        """The span of one attempt; `facts` are its attributes, as `Facts.encoded` gives them."""
        context = self._contexts.of(call)
        parts = [
            _ids(context),
            wire.text(5, conventions.span_name(call)),
            _KIND_CLIENT,
            wire.fixed64(7, nanoseconds(call.started_at)),
            wire.fixed64(8, nanoseconds(call.ended_at)),
            self._constant,
            wire.repeated_sized(9, facts),
            wire.repeated(11, _events(call)),
            self._link(call),
            _status(call),
            wire.fixed32(16, _SAMPLED | _REMOTE_IS_KNOWN | (_REMOTE if context.parent_id else 0)),
        ]
        return b"".join(parts)

    def _link(self, call: Call) -> bytes:
        before = self._contexts.before(call)
        if before is None:
            return b""
        ids = wire.blob(1, before.trace_id) + wire.blob(2, before.span_id)
        return wire.blob(13, ids + _LINK_ATTRIBUTES + wire.fixed32(6, _SAMPLED | _REMOTE_IS_KNOWN))


def _ids(context: SpanContext) -> bytes:
    ids = wire.blob(1, context.trace_id) + wire.blob(2, context.span_id)
    if context.tracestate:
        ids += wire.text(3, context.tracestate)
    return ids + wire.blob(4, context.parent_id) if context.parent_id else ids


def _events(call: Call) -> list[bytes]:
    """First token of each kind of block, an error inside a stream, an abort: in the order of time."""
    first = sorted(call.timings.first_token.items(), key=lambda item: item[1])
    events = [
        _event(call.started_at + after, conventions.FIRST_TOKEN, {conventions.BLOCK_KIND: kind})
        for kind, after in first
    ]
    if call.outcome is Outcome.STREAM_ERROR:
        named = {"error.type": conventions.error_type(call) or call.outcome.value}
        events.append(_event(call.ended_at, conventions.STREAM_ERROR, named))
    elif call.outcome in _BROKEN_OFF:
        events.append(_event(call.ended_at, conventions.ABORT, {"tokentape.outcome": call.outcome.value}))
    return events


def _event(at: float, name: str, values: dict[str, str]) -> bytes:
    return wire.fixed64(1, nanoseconds(at)) + wire.text(2, name) + wire.repeated(3, attributes(values))


def _status(call: Call) -> bytes:
    """Error or unset, never OK: that is for the application to say.

    The error type stands in its attribute already, so the description is the API's finer code.
    """
    if conventions.error_type(call) is None:
        return b""
    code = call.error.code if call.error is not None else None
    described = wire.text(2, code) if code else b""
    return wire.blob(15, described + wire.number(3, _STATUS_ERROR))
