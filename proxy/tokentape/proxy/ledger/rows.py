"""A call and its bill as one row, and back.

`row_of` runs for every call in the writer's thread, which shares the interpreter with the observer:
it is one function that makes one tuple, in the order of `schema.WRITTEN` (a test writes and reads
every field). `_value_` is the attribute behind an enum's `value`, which is a function call.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.ledger import kept
from tokentape.proxy.ledger.money import pico, usd
from tokentape.proxy.ledger.schema import WRITTEN
from tokentape.proxy.messages.call import (
    CacheOutcome,
    CacheWrites,
    Call,
    CallError,
    Outcome,
    Timings,
    Trace,
    Usage,
)
from tokentape.proxy.pricing.bill import Bill, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = tuple[Any, ...]

MICRO: Final = 1_000_000

_encode = msgspec.json.Encoder().encode
_read_labels = msgspec.json.Decoder(dict[str, str]).decode
_NO_BILL: Final = (None,) * 6
_NO_USAGE = Usage()


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it was read: the call and the bill as they were, less `kept.NOT_KEPT`."""

    id: int
    """In order of commit."""
    call: Call
    bill: Bill | None


def row_of(call: Call, bill: Bill | None) -> Row:
    """The values of `schema.WRITTEN`."""
    usage = call.usage or _NO_USAGE
    writes, timings, error, trace = call.cache_writes, call.timings, call.error, call.trace
    started = round(call.started_at * MICRO)
    if bill is None:
        status, total, savings, batch_savings, waste, cause = _NO_BILL
        table = date = items = None
    else:
        status, cause, table, date = bill.status._value_, bill.waste_cause, bill.price_table, bill.price_date
        total = None if bill.total is None else pico(bill.total)
        savings, batch_savings, waste = pico(bill.savings), pico(bill.batch_savings), pico(bill.waste)
        items = kept.bill_detail_of(bill)
    return (
        call.id,
        started,
        round(call.ended_at * MICRO),
        _day(started // 86_400_000_000),
        call.engine,
        call.method,
        call.endpoint,
        call.outcome._value_,
        call.status,
        error and error.type,
        error and error.code,
        call.model,
        call.model_asked,
        call.model_served,
        1 if call.stream else 0,
        call.stop_reason,
        call.message_id,
        usage.input_tokens,
        usage.cache_read_input_tokens,
        writes.tokens_5m,
        writes.tokens_1h,
        usage.output_tokens,
        usage.thinking_tokens,
        usage.web_search_requests,
        usage.web_fetch_requests,
        usage.service_tier,
        usage.speed,
        usage.inference_geo,
        call.cache_outcome and call.cache_outcome._value_,
        call.cache_miss_reason,
        status,
        total,
        savings,
        batch_savings,
        waste,
        cause,
        1 if call.subscription or (bill is not None and bill.subscription) else 0,
        table,
        date,
        timings.first_token_any,
        timings.headers,
        timings.duration,
        call.project,
        call.session,
        call.user,
        call.client,
        call.credential,
        call.organization_id,
        call.request_id,
        trace and trace.trace_id,
        trace and trace.span_id,
        call.attempt,
        call.retry_of,
        call.retry_cause,
        call.batch_id,
        call.custom_id,
        1 if call.resumed else 0,
        _encode(call.labels).decode() if call.labels else None,
        items,
        kept.detail_of(call),
    )


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    """`YYYY-MM-DD` of a day counted from the epoch."""
    return time.strftime("%Y-%m-%d", time.gmtime(number * 86400))


def read_row(values: Mapping[str, Any]) -> Recorded:
    """The call and bill of a row of `calls`, by column name."""
    return Recorded(id=values["id"], call=_call(values), bill=_bill(values))


def _call(row: Mapping[str, Any]) -> Call:
    detail = kept.read_detail(row["detail"])
    return Call(
        id=row["call_id"],
        started_at=row["started_at"] / MICRO,
        ended_at=row["ended_at"] / MICRO,
        outcome=Outcome(row["outcome"]),
        error=CallError(type=row["error_type"], code=row["error_code"]) if row["error_type"] else None,
        stream=bool(row["stream"]),
        request=kept.request_facts(detail.request),
        usage=None if detail.usage is None else _usage(row, detail.usage),
        cache_writes=CacheWrites(
            tokens_5m=row["cache_write_5m_tokens"],
            tokens_1h=row["cache_write_1h_tokens"],
            assumed=detail.writes_assumed,
        ),
        cache_outcome=CacheOutcome(row["cache_outcome"]) if row["cache_outcome"] else None,
        blocks=detail.blocks,
        characters=detail.characters,
        tool_calls=detail.tool_calls,
        tool_loop=detail.tool_loop,
        timings=_timings(row, detail),
        rate_limits=kept.rate_limits(detail),
        rate_limit_windows=kept.rate_limit_windows(detail),
        subscription=bool(row["subscription"]),
        labels=_read_labels(row["labels"]) if row["labels"] else {},
        user=row["user_hash"],
        api_version=detail.api_version,
        betas=detail.betas,
        trace=_trace(row, detail),
        attempt_inferred=detail.attempt_inferred,
        retry_after=detail.retry_after,
        resumed=bool(row["resumed"]),
        unknown=detail.unknown,
        parse_errors=detail.parse_errors,
        batch_size=detail.batch_size,
        result=detail.result,
        **{name: row[name] for name in _AS_THEY_ARE},
    )


_AS_THEY_ARE: Final = tuple(
    name
    for name in WRITTEN
    if name in Call.__struct_fields__
    and name
    not in {
        "started_at",
        "ended_at",
        "outcome",
        "stream",
        "cache_outcome",
        "subscription",
        "labels",
        "resumed",
    }
)
"""Columns that hold a field of `Call` under its own name, unchanged."""


def _usage(row: Mapping[str, Any], detail: kept.KeptUsage) -> Usage:
    return Usage(
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        thinking_tokens=row["thinking_tokens"],
        cache_read_input_tokens=row["cache_read_tokens"],
        cache_creation_input_tokens=detail.cache_creation_input_tokens,
        ephemeral_5m_input_tokens=detail.ephemeral_5m_input_tokens,
        ephemeral_1h_input_tokens=detail.ephemeral_1h_input_tokens,
        web_search_requests=row["web_searches"],
        web_fetch_requests=row["web_fetches"],
        service_tier=row["service_tier"],
        inference_geo=row["inference_geo"],
        speed=row["speed"],
        iterations=detail.iterations,
    )


def _timings(row: Mapping[str, Any], detail: kept.Kept) -> Timings:
    return Timings(
        duration=row["duration"],
        headers=row["headers"],
        first_event=detail.first_event,
        first_token=detail.first_token,
        first_token_any=row["ttft"],
        last_token=detail.last_token,
        largest_gap=detail.largest_gap,
        output_tokens_per_second=detail.output_tokens_per_second,
    )


def _trace(row: Mapping[str, Any], detail: kept.Kept) -> Trace | None:
    if row["trace_id"] is None:
        return None
    return Trace(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        sampled=detail.sampled,
        tracestate=detail.tracestate,
    )


def _bill(row: Mapping[str, Any]) -> Bill | None:
    if row["bill_status"] is None:
        return None
    detail = kept.read_bill_detail(row["bill"])
    return Bill(
        status=Status(row["bill_status"]),
        total=None if row["usd"] is None else usd(row["usd"]),
        items=kept.line_items(detail),
        reasons=detail.reasons,
        modifiers=detail.modifiers,
        savings=usd(row["savings_usd"]),
        batch_savings=usd(row["batch_savings_usd"]),
        waste=usd(row["wasted_usd"]),
        waste_cause=row["waste_cause"],
        subscription=bool(row["subscription"]),
        price_table=row["price_table"],
        price_date=row["price_date"],
    )
