"""Properties of all bills; single ones are in the table of hand-derived ones."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.messages.exchanges import (
    block_start,
    block_stop,
    delta,
    end,
    event,
    read,
    request_body,
    start,
    text_stream,
)
from tests.proxy.pricing.paid_calls import book, paid

from tokentape.proxy.frames import Ending
from tokentape.proxy.messages.call import CacheWrites, Call, CallError, Iteration, Outcome, RequestFacts
from tokentape.proxy.pricing.bill import Bill, LineKind, Status
from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS = st.integers(min_value=0, max_value=2**40)
SPLIT = st.none() | COUNTS
MODELS = st.sampled_from(
    ["claude-opus-5", "claude-haiku-5-5", "claude-sonnet-4-5", "claude-opus-4-6", "claude-fable-5-2"]
)
ITERATIONS = st.lists(
    st.builds(
        Iteration,
        type=st.sampled_from(["compaction", "advisor_message"]),
        model=MODELS,
        input_tokens=COUNTS,
        output_tokens=COUNTS,
        cache_read_input_tokens=COUNTS,
        cache_creation_input_tokens=COUNTS,
    ),
    max_size=3,
).map(tuple)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    return paid(
        draw(MODELS),
        input=draw(COUNTS),
        output=draw(COUNTS),
        read=draw(COUNTS),
        write=draw(COUNTS),
        w5m=draw(SPLIT),
        w1h=draw(SPLIT),
        searches=draw(st.integers(0, 100)),
        tier=draw(st.sampled_from([None, "standard", "batch", "priority"])),
        geo=draw(st.sampled_from([None, "us", "global", "not_available"])),
        speed=draw(st.sampled_from([None, "standard", "fast"])),
        iterations=draw(ITERATIONS),
        ttls=draw(st.sampled_from([(), ("5m",), ("1h",), ("1h", "5m")])),
    )


def quantities(bill: Bill) -> Counter[LineKind]:
    counted: Counter[LineKind] = Counter()
    for item in bill.items:
        counted[item.kind] += item.quantity
    return counted


@given(calls())
def test_kinds_are_disjoint_and_add_up_to_the_apis_totals(call: Call) -> None:
    bill, usage = price(call, book()), call.usage
    assert usage is not None
    counted = quantities(bill)
    writes = counted[LineKind.CACHE_WRITE_5M] + counted[LineKind.CACHE_WRITE_1H]
    beside = usage.iterations
    assert len({(item.kind, item.model) for item in bill.items}) == len(bill.items)
    assert (
        counted[LineKind.INPUT],
        counted[LineKind.CACHE_READ],
        writes,
        counted[LineKind.OUTPUT],
        counted[LineKind.WEB_SEARCH],
    ) == (
        (usage.input_tokens or 0) + sum(entry.input_tokens for entry in beside),
        (usage.cache_read_input_tokens or 0) + sum(entry.cache_read_input_tokens for entry in beside),
        (usage.cache_creation_input_tokens or 0) + sum(entry.cache_creation_input_tokens for entry in beside),
        (usage.output_tokens or 0) + sum(entry.output_tokens for entry in beside),
        usage.web_search_requests or 0,
    )


@given(calls())
def test_lines_add_up_to_the_total_to_the_last_digit(call: Call) -> None:
    bill = price(call, book())
    with localcontext(prec=200):
        assert bill.total == sum((item.usd for item in bill.items), Decimal(0))
    assert all(item.usd > 0 for item in bill.items)


@given(calls())
def test_a_batch_and_what_it_saves_make_the_ordinary_price(call: Call) -> None:
    assert call.usage is not None
    ordinary = price(with_usage(call, service_tier="standard"), book())
    batch = price(with_usage(call, service_tier="batch"), book())
    assert batch.total is not None
    with localcontext(prec=200):
        assert ordinary.total == batch.total + batch.batch_savings
        assert batch.savings * 2 == ordinary.savings


@given(calls())
def test_savings_are_the_price_without_a_cache_less_the_price(call: Call) -> None:
    usage = call.usage
    assert usage is not None
    prompt = (usage.input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    prompt += usage.cache_creation_input_tokens or 0
    uncached = with_usage(
        call,
        input_tokens=prompt,
        cache_read_input_tokens=0,
        cache_creation_input_tokens=0,
        ephemeral_5m_input_tokens=0,
        ephemeral_1h_input_tokens=0,
        iterations=(),
    )
    paid_for = price(with_usage(call, iterations=()), book())
    dearer = price(msgspec.structs.replace(uncached, cache_writes=CacheWrites()), book())
    assert paid_for.total is not None
    with localcontext(prec=200):
        assert dearer.total == paid_for.total + paid_for.savings


def with_usage(call: Call, **changes: Any) -> Call:
    assert call.usage is not None
    return msgspec.structs.replace(call, usage=msgspec.structs.replace(call.usage, **changes))


@given(calls(), st.sampled_from(list(Outcome)))
def test_the_state_of_a_bill_is_consistent(call: Call, outcome: Outcome) -> None:
    call.outcome = outcome
    bill = price(call, book())
    assert (bill.status is Status.UNPRICED) == (bill.total is None)
    assert (bill.status is Status.EXACT) == (not bill.reasons)
    assert bill.waste in {Decimal(0), bill.total}
    assert (bill.waste_cause is None) == (bill.waste == 0)


def test_no_surrounding_arithmetic_changes_a_bill() -> None:
    call = paid("claude-opus-5", input=123_456_789, output=987_654_321, read=55_555, geo="us", tier="batch")
    exact = price(call, book())
    with localcontext(prec=3):
        assert price(call, book()) == exact


def cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[first:last] for first, last in pairwise(marks)]


STREAM = (
    start(
        input_tokens=10,
        cache_read_input_tokens=4_000,
        cache_creation_input_tokens=300,
        cache_creation={"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    )
    + block_start(0, "text", text="")
    + delta(0, "text_delta", text="Thirty characters of an answer")
    + block_stop(0)
    + end(output_tokens=77, iterations=[{"type": "compaction", "input_tokens": 9, "output_tokens": 3}])
)
WHOLE = price(read(STREAM), book())


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_a_stream_has_the_same_bill_wherever_its_bytes_are_cut(places: list[int]) -> None:
    assert price(read(cut(STREAM, places)), book()) == WHOLE


def test_that_bill_is_right() -> None:
    # Sonnet 4.5: 19 x 3 + 4,000 x 0.3 + 100 x 3.75 + 200 x 6 + 80 x 15 = 57 + 1,200 + 375 + 1,200 + 1,200.
    assert (WHOLE.status, WHOLE.total) == (Status.EXACT, Decimal("0.004032"))


@given(st.integers(0, len(STREAM)))
def test_a_stream_that_breaks_off_is_never_billed_as_exact(length: int) -> None:
    call = read(STREAM[:length], ending=Ending.CLIENT_ABORT)
    bill = price(call, book())
    whole = call.outcome is Outcome.OK
    assert bill == WHOLE if whole else bill.status is Status.ESTIMATED
    assert bill.total is not None
    assert WHOLE.total is not None
    assert bill.total <= WHOLE.total


def test_output_that_arrived_is_billed_by_its_characters() -> None:
    cut_off = STREAM[: STREAM.index(b"event: message_delta")]
    bill = price(read(cut_off, ending=Ending.UPSTREAM_ABORT), book())
    # 10 x 3 + 4,000 x 0.3 + 100 x 3.75 + 200 x 6 = 2,805, and 30 characters are 8 tokens at 15.
    assert (bill.total, bill.reasons) == (Decimal("0.002925"), ("aborted",))
    assert (bill.waste, bill.waste_cause) == (bill.total, "stream_error")


def test_an_error_event_before_the_message_is_free() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    assert price(read(error), book()).total == 0


def test_a_resumed_stream_is_estimated() -> None:
    bill = price(read(text_stream("Hello"), resumed=True), book())
    assert (bill.status, bill.reasons) == (Status.ESTIMATED, ("resumed",))


def test_a_reply_that_could_not_be_read_is_never_free_without_saying_so() -> None:
    bill = price(paid("claude-opus-5", usage=None, characters={"text": 8}), book())
    assert (bill.status, bill.reasons, bill.total) == (
        Status.ESTIMATED,
        ("usage_unknown",),
        Decimal("0.00005"),
    )


def test_a_count_that_never_came_is_estimated_and_said() -> None:
    bill = price(paid("claude-opus-5", output=None, characters={"text": 8}), book())
    assert (bill.reasons, bill.total) == (("output_unknown",), Decimal("0.00005"))


def test_a_lost_worker_leaves_an_estimate() -> None:
    call = paid("claude-opus-5", usage=None, outcome=Outcome.PROXY_ERROR, status=None, model_served=None)
    assert price(call, book()).reasons == ("aborted", "input_unknown")


def test_a_request_that_never_came_through_needs_no_price() -> None:
    call = paid(None, usage=None, outcome=Outcome.CLIENT_ABORT, status=None)
    bill = price(call, book())
    assert (bill.status, bill.total, bill.reasons) == (
        Status.ESTIMATED,
        Decimal(0),
        ("aborted", "input_unknown"),
    )


@pytest.mark.parametrize("model", ["claude-2", "claude-v1"])
def test_a_kind_without_a_price_leaves_the_bill_unpriced(model: str) -> None:
    bill = price(paid(model, input=10, read=10), book())
    assert (bill.status, bill.total, bill.items, bill.reasons) == (
        Status.UNPRICED,
        None,
        (),
        ("unknown_rate",),
    )


def test_cache_writes_that_belong_to_other_counts_are_worked_out_anew() -> None:
    call = paid(
        "claude-opus-5", write=100, cache_writes=CacheWrites(), request=RequestFacts(cache_ttls=("1h",))
    )
    bill = price(call, book())
    assert [(item.kind, item.quantity) for item in bill.items] == [(LineKind.CACHE_WRITE_1H, 100)]


def test_many_prompts_that_are_long_only_together_are_estimated() -> None:
    loop = tuple(Iteration(type="message", input_tokens=60_000, output_tokens=1) for _ in range(2))
    bill = price(paid("claude-haiku-5-5", input=120_000, output=2, iterations=loop), book())
    # The dearer side, as the library has it: 120,000 x 0.5 + 2 x 2.5.
    assert (bill.total, bill.reasons) == (Decimal("0.060005"), ("long_context",))


def test_a_failed_call_bills_nothing_and_wastes_nothing() -> None:
    call = read(
        b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        status=529,
        reply_headers=[(b"content-type", b"application/json")],
        request=request_body(model="claude-opus-4-10"),
    )
    assert call.error == CallError(type="overloaded_error")
    bill = price(call, book())
    assert (bill.status, bill.total, bill.waste_cause) == (Status.EXACT, Decimal(0), None)


def test_where_no_connection_came_about_nothing_was_asked() -> None:
    error = CallError(type="connect_timeout")
    call = paid(
        "claude-opus-5", usage=None, model_served=None, outcome=Outcome.TIMEOUT, status=504, error=error
    )
    assert (price(call, book()).status, price(call, book()).total) == (Status.EXACT, Decimal(0))
