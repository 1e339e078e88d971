"""A row holds everything of a call and its bill, and gives it back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.ledger.cases import priced, record
from tests.support.calls import STARTED, make_call

from tokentape.proxy.ledger.kept import NOT_KEPT
from tokentape.proxy.ledger.listing import each_call
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.rows import MICRO, Recorded, read_row, row_of
from tokentape.proxy.ledger.schema import WRITTEN, calls
from tokentape.proxy.messages.call import (
    CacheOutcome,
    CacheWrites,
    Call,
    CallError,
    Iteration,
    Outcome,
    RateLimit,
    RateLimitWindow,
    RequestFacts,
    Timings,
    ToolCall,
    Trace,
    Usage,
)
from tokentape.proxy.pricing.bill import Bill, LineItem, LineKind, Status

if TYPE_CHECKING:
    from tokentape.proxy.ledger.location import Location

FULL = Call(
    id="relay-0-1-7",
    engine="relay",
    method="POST",
    endpoint="/v1/messages",
    started_at=STARTED + 0.25,
    ended_at=STARTED + 3.5,
    outcome=Outcome.STREAM_ERROR,
    status=200,
    error=CallError(type="overloaded_error", code="busy"),
    model="claude-sonnet-4-5",
    model_asked="claude-sonnet-4-5-latest",
    model_served="claude-sonnet-4-5-20250929",
    stream=True,
    request=RequestFacts(
        model="claude-sonnet-4-5-latest",
        max_tokens=64,
        stream=True,
        messages=3,
        tools=2,
        tool_choice="auto",
        thinking="enabled",
        effort="high",
        service_tier="auto",
        speed="fast",
        inference_geo="us",
        images=1,
        documents=2,
        cache_marks=4,
        cache_ttls=("1h", "5m"),
        body_hash="b0d1",
        body_bytes=1234,
        repeated_tool_calls=3,
        repeated_tool="search",
        partial_conversation=True,
    ),
    usage=Usage(
        input_tokens=1,
        output_tokens=2,
        thinking_tokens=3,
        cache_read_input_tokens=4,
        cache_creation_input_tokens=5,
        ephemeral_5m_input_tokens=6,
        ephemeral_1h_input_tokens=7,
        web_search_requests=8,
        web_fetch_requests=9,
        service_tier="standard",
        inference_geo="us",
        speed="fast",
        iterations=(
            Iteration(
                type="compaction",
                model="claude-haiku-4-5",
                input_tokens=1,
                output_tokens=2,
                cache_read_input_tokens=3,
                cache_creation_input_tokens=4,
                ephemeral_5m_input_tokens=5,
                ephemeral_1h_input_tokens=6,
            ),
        ),
    ),
    cache_writes=CacheWrites(tokens_5m=6, tokens_1h=7, assumed=True),
    cache_outcome=CacheOutcome.MIXED,
    cache_miss_reason="tools_changed",
    message_id="msg_1",
    stop_reason="refusal",
    blocks={"text": 2, "tool_use": 1},
    characters={"text": 30},
    tool_calls=(
        ToolCall(name="search", id="toolu_1", block_type="tool_use", input_digest="d1", input_characters=12),
    ),
    tool_loop=True,
    timings=Timings(
        duration=3.25,
        headers=0.5,
        first_event=0.6,
        first_token={"text": 0.7, "thinking": 0.65},
        first_token_any=0.65,
        last_token=3.1,
        largest_gap=0.4,
        output_tokens_per_second=50.5,
    ),
    rate_limits=(RateLimit(kind="requests", limit=50, remaining=49, reset_at=STARTED + 60.5),),
    rate_limit_windows=(
        RateLimitWindow(window="5h", utilization=0.25, reset_at=STARTED + 90, status="allowed"),
    ),
    subscription=True,
    credential="c0ffee",
    organization_id="org_1",
    request_id="req_1",
    labels={"project": "checkout", "team": "search"},
    project="checkout",
    session="session-1",
    user="abad1dea",
    client="Anthropic/Python 2.12.0",
    api_version="2023-06-01",
    betas=("one", "two"),
    trace=Trace(
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
        sampled=True,
        tracestate="a=b",
    ),
    attempt=2,
    attempt_inferred=True,
    retry_of="relay-0-1-6",
    retry_cause="overloaded_error",
    retry_after=1.5,
    batch_id="msgbatch_1",
    custom_id="request-1",
    batch_size=3,
    result="succeeded",
    resumed=True,
    unknown=("event:new",),
    parse_errors=("event_json",),
)
FULL_BILL = Bill(
    status=Status.ESTIMATED,
    total=Decimal("1.000000000001"),
    items=(
        LineItem(kind=LineKind.OTHER, model="claude-haiku-4-5", quantity=5, usd=Decimal("0.0000000000001")),
        LineItem(kind=LineKind.OUTPUT, model="claude-sonnet-4-5", quantity=2, usd=Decimal("1.00")),
    ),
    reasons=("aborted", "resumed"),
    modifiers=("batch", "geo_us"),
    savings=Decimal("-0.25"),
    batch_savings=Decimal("1.1"),
    waste=Decimal("0.75"),
    waste_cause="stream_error",
    subscription=True,
    price_table="f00d",
    price_date="2026-11-01",
)


def differs_from_default(value: Any, *, left_out: tuple[str, ...] = ()) -> None:
    """Every field that has a default has another value here, so that losing it would be seen."""
    for field in msgspec.structs.fields(value):
        default = field.default if field.default is not msgspec.NODEFAULT else None
        if field.name not in left_out:
            assert getattr(value, field.name) != default, field.name


def written(call: Call, bill: Bill | None) -> Recorded:
    """The row, read back without a database."""
    return read_row({"id": 1, **dict(zip(WRITTEN, row_of(call, bill), strict=True))})


def test_every_field_of_call_and_bill_comes_back() -> None:
    """Also what is kept as JSON. A new field of Call or Bill fails here until it is kept."""
    differs_from_default(FULL)
    differs_from_default(FULL.request, left_out=NOT_KEPT)
    for part in (FULL.usage, FULL.timings, FULL.cache_writes, FULL.trace, FULL_BILL):
        differs_from_default(part)
    assert written(FULL, FULL_BILL) == Recorded(id=1, call=FULL, bill=FULL_BILL)


def test_a_row_comes_back_from_each_database(location: Location) -> None:
    plain = priced(0)
    record(location, [plain, (FULL, FULL_BILL), (make_call(id="x"), None)])
    found = {recorded.call.id: recorded for recorded in each_call(Reader(location))}
    assert found[FULL.id].call == FULL
    assert found[FULL.id].bill == FULL_BILL
    assert (found[plain[0].id].call, found[plain[0].id].bill) == plain
    assert (found["x"].call, found["x"].bill) == (make_call(id="x"), None)


def test_prefix_sums_are_not_kept() -> None:
    """They are working data, and a long conversation has many."""
    facts = RequestFacts(body_bytes=5, prefix_sums=(1, 2), prefix_parts=("tools", "system"))
    back = written(make_call(request=facts), None).call.request
    assert back == RequestFacts(body_bytes=5)
    assert set(NOT_KEPT) < {field.name for field in msgspec.structs.fields(RequestFacts)}


def test_a_row_has_a_value_for_every_column() -> None:
    assert len(row_of(FULL, FULL_BILL)) == len(WRITTEN) == len(calls.columns) - 1
    required = {column.name for column in calls.columns if not column.nullable} - {"id"}
    missing = dict(zip(WRITTEN, row_of(make_call(), None), strict=True))
    assert [name for name in required if missing[name] is None] == []


def test_unpriced_is_not_zero() -> None:
    row = dict(zip(WRITTEN, row_of(make_call(), Bill(status=Status.UNPRICED, total=None)), strict=True))
    assert (row["usd"], row["bill_status"]) == (None, "unpriced")


_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_tokens = st.none() | st.integers(0, 2**40)
_money = st.integers(-(10**18), 10**18).map(lambda pico: Decimal(pico) / 10**12)
_calls = st.builds(
    make_call,
    id=_text,
    started_at=st.integers(0, 4 * 10**15).map(lambda micros: micros / MICRO),
    usage=st.none() | st.builds(Usage, input_tokens=_tokens, output_tokens=_tokens, speed=st.none() | _text),
    labels=st.dictionaries(_text, _text, max_size=3),
    outcome=st.sampled_from(Outcome),
    cache_outcome=st.none() | st.sampled_from(CacheOutcome),
    session=st.none() | _text,
    request=st.builds(
        RequestFacts, model=st.none() | _text, tools=st.integers(0, 9), effort=st.none() | _text
    ),
    betas=st.lists(_text, max_size=2).map(tuple),
    error=st.none() | st.builds(CallError, type=_text, code=st.none() | _text),
)
_bills = st.none() | st.builds(
    Bill,
    status=st.just(Status.EXACT),
    total=_money,
    savings=_money,
    reasons=st.lists(_text, max_size=2).map(tuple),
)


@given(_calls, _bills)
def test_any_call_comes_back_as_it_was(call: Call, bill: Bill | None) -> None:
    assert written(call, bill) == Recorded(id=1, call=call, bill=bill)


@given(st.decimals(-9_000_000, 9_000_000, places=15))
def test_money_is_exact_to_a_pico_dollar(amount: Decimal) -> None:
    bill = Bill(status=Status.EXACT, total=amount)
    kept = written(make_call(), bill).bill
    assert kept is not None
    assert kept.total is not None
    assert abs(kept.total - amount) <= Decimal("0.5e-12")
