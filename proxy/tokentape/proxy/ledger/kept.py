"""What is known of a call and has no column: kept as JSON, defaults left out.

Not kept, on purpose: `prefix_sums` and `prefix_parts` of the request. They are the observer's working
data, and a conversation of n turns would store n² of them.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tokentape.proxy.messages.call import (
    Call,
    Iteration,
    RateLimit,
    RateLimitWindow,
    RequestFacts,
    ToolCall,
    Usage,
)
from tokentape.proxy.pricing.bill import Bill, LineItem, LineKind

NOT_KEPT = ("prefix_sums", "prefix_parts")
"""Fields of `RequestFacts`."""


class KeptRequest(msgspec.Struct, omit_defaults=True, frozen=True):
    """`RequestFacts`, in its order; its `model` has a column."""

    max_tokens: int | None = None
    stream: bool | None = None
    messages: int = 0
    tools: int = 0
    tool_choice: str | None = None
    thinking: str | None = None
    effort: str | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    images: int = 0
    documents: int = 0
    cache_marks: int = 0
    cache_ttls: tuple[str, ...] = ()
    body_hash: str | None = None
    body_bytes: int = 0
    repeated_tool_calls: int = 0
    repeated_tool: str | None = None
    partial_conversation: bool = False
    model: str | None = None


class KeptUsage(msgspec.Struct, omit_defaults=True, frozen=True):
    """The part of `Usage` without columns; there at all where the reply had usage."""

    cache_creation_input_tokens: int | None = None
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None
    iterations: tuple[Iteration, ...] = ()


class Kept(msgspec.Struct, omit_defaults=True, frozen=True):
    """The column `detail`."""

    request: KeptRequest | None = None
    usage: KeptUsage | None = None
    writes_assumed: bool = False
    first_event: float | None = None
    first_token: dict[str, float] = {}
    last_token: float | None = None
    largest_gap: float | None = None
    output_tokens_per_second: float | None = None
    blocks: dict[str, int] = {}
    characters: dict[str, int] = {}
    tool_calls: tuple[ToolCall, ...] = ()
    tool_loop: bool = False
    rate_limits: tuple[tuple[str, int | None, int | None, float | None], ...] = ()
    rate_limit_windows: tuple[tuple[str, float | None, float | None, str | None], ...] = ()
    api_version: str | None = None
    betas: tuple[str, ...] = ()
    sampled: bool = False
    tracestate: str | None = None
    attempt_inferred: bool = False
    retry_after: float | None = None
    unknown: tuple[str, ...] = ()
    parse_errors: tuple[str, ...] = ()
    batch_size: int | None = None
    result: str | None = None


class KeptBill(msgspec.Struct, omit_defaults=True, frozen=True):
    """The column `bill`; amounts are decimal strings, exact."""

    items: tuple[tuple[LineKind, str, int, str], ...] = ()
    reasons: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Kept).decode
_decode_bill = msgspec.json.Decoder(KeptBill).decode
_NOTHING_ASKED = RequestFacts()


def detail_of(call: Call) -> str:
    """JSON of what has no column."""
    timings, trace = call.timings, call.trace
    return _encode(
        Kept(
            None if call.request == _NOTHING_ASKED else _request_of(call.request),
            None if call.usage is None else _usage_of(call.usage),
            call.cache_writes.assumed,
            timings.first_event,
            timings.first_token,
            timings.last_token,
            timings.largest_gap,
            timings.output_tokens_per_second,
            call.blocks,
            call.characters,
            call.tool_calls,
            call.tool_loop,
            tuple([(r.kind, r.limit, r.remaining, r.reset_at) for r in call.rate_limits]),
            tuple([(w.window, w.utilization, w.reset_at, w.status) for w in call.rate_limit_windows]),
            call.api_version,
            call.betas,
            trace is not None and trace.sampled,
            None if trace is None else trace.tracestate,
            call.attempt_inferred,
            call.retry_after,
            call.unknown,
            call.parse_errors,
            call.batch_size,
            call.result,
        )
    ).decode()


def _request_of(facts: RequestFacts) -> KeptRequest:
    return KeptRequest(
        facts.max_tokens,
        facts.stream,
        facts.messages,
        facts.tools,
        facts.tool_choice,
        facts.thinking,
        facts.effort,
        facts.service_tier,
        facts.speed,
        facts.inference_geo,
        facts.images,
        facts.documents,
        facts.cache_marks,
        facts.cache_ttls,
        facts.body_hash,
        facts.body_bytes,
        facts.repeated_tool_calls,
        facts.repeated_tool,
        facts.partial_conversation,
        facts.model,
    )


def _usage_of(usage: Usage) -> KeptUsage:
    return KeptUsage(
        usage.cache_creation_input_tokens,
        usage.ephemeral_5m_input_tokens,
        usage.ephemeral_1h_input_tokens,
        usage.iterations,
    )


def read_detail(text: str) -> Kept:
    """The column `detail`, read."""
    return _decode(text)


def request_facts(kept: KeptRequest | None) -> RequestFacts:
    """The request's facts as they were, less `NOT_KEPT`."""
    return RequestFacts(**msgspec.structs.asdict(kept)) if kept else _NOTHING_ASKED


def rate_limits(kept: Kept) -> tuple[RateLimit, ...]:
    """The rate limits as they were."""
    return tuple(RateLimit(kind=k, limit=n, remaining=r, reset_at=t) for k, n, r, t in kept.rate_limits)


def rate_limit_windows(kept: Kept) -> tuple[RateLimitWindow, ...]:
    """A subscription's windows as they were."""
    return tuple(
        RateLimitWindow(window=w, utilization=u, reset_at=t, status=s)
        for w, u, t, s in kept.rate_limit_windows
    )


def bill_detail_of(bill: Bill) -> str | None:
    """JSON of a bill's items, reasons and modifiers; `None` where there are none."""
    if not (bill.items or bill.reasons or bill.modifiers):
        return None
    items = tuple([(item.kind, item.model, item.quantity, str(item.usd)) for item in bill.items])
    return _encode(KeptBill(items, bill.reasons, bill.modifiers)).decode()


def read_bill_detail(text: str | None) -> KeptBill:
    """The column `bill`, read."""
    return _decode_bill(text) if text else KeptBill()


def line_items(kept: KeptBill) -> tuple[LineItem, ...]:
    """The lines as they were."""
    return tuple(LineItem(kind=k, model=m, quantity=n, usd=Decimal(usd)) for k, m, n, usd in kept.items)
