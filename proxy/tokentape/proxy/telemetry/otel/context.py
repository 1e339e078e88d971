"""Which trace a span belongs to, which id it has, and whether it is recorded at all.

Ids are made from the call's own id and a salt of the process, so that an attempt can be linked to the one
before it without remembering any.

Samplers: https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampling and, for their names,
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Call

SAMPLERS: Final = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
DEFAULT_SAMPLER: Final = "parentbased_always_on"

_PARENT: Final = "parentbased_"
_LOW_64: Final = 2**64


class SpanContext(msgspec.Struct, frozen=True):
    """The ids of a span; of an attempt before this one, as far as they follow from the call."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes = b""
    tracestate: str = ""


class Contexts:
    """Gives every call its place in a trace.

    Args:
        salt: of the process; two processes must not make the same ids.
        sampler: one of `SAMPLERS`.
        ratio: of the samplers that take one, 0 to 1.
    """

    def __init__(self, salt: bytes, sampler: str = DEFAULT_SAMPLER, ratio: float = 1.0) -> None:
        self._hash = hashlib.blake2b(key=salt, digest_size=24)
        self._respects_parent = sampler.startswith(_PARENT)
        kind = sampler.removeprefix(_PARENT)
        self._bound = {"always_on": _LOW_64, "always_off": 0}.get(kind, round(ratio * _LOW_64))

    def of(self, call: Call) -> SpanContext:
        """The context of a call's own span."""
        return self._context(call, call.id)

    def before(self, call: Call) -> SpanContext | None:
        """The context of the attempt before; it has the same parent, or none either."""
        return self._context(call, call.retry_of) if call.retry_of is not None else None

    def sampled(self, call: Call, context: SpanContext) -> bool:
        """Whether the span is recorded."""
        if call.trace is not None and self._respects_parent:
            return call.trace.sampled
        return int.from_bytes(context.trace_id[8:], "big") < self._bound

    def _context(self, call: Call, call_id: str) -> SpanContext:
        hashed = self._hash.copy()
        hashed.update(call_id.encode("utf-8", "replace"))
        made = hashed.digest()
        if call.trace is None:
            return SpanContext(made[:16], made[16:])
        trace = call.trace
        return SpanContext(
            bytes.fromhex(trace.trace_id),
            made[16:],
            bytes.fromhex(trace.span_id),
            trace.tracestate or "",
        )
