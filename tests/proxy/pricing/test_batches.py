"""Batch results are billed once, at the batch price, however they are fetched."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.pricing.paid_calls import book, paid

from tokentape.proxy.messages.call import CacheWrites, Call, CallError, Outcome, Usage
from tokentape.proxy.pricing import batches
from tokentape.proxy.pricing.batches import (
    BatchResult,
    ResultLines,
    SeenInMemory,
    bill_results,
    price_results,
    read_result,
    result_call,
    result_key,
)
from tokentape.proxy.pricing.bill import Bill, Status
from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    import random

BATCH = "msgbatch_01"


def line(custom_id: str, kind: str = "succeeded", **message: Any) -> dict[str, Any]:
    """A result as the API writes it."""
    if kind == "errored":
        error = {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "no"},
            "request_id": None,
        }
        return {"custom_id": custom_id, "result": {"type": kind, "error": error}}
    if kind != "succeeded":
        return {"custom_id": custom_id, "result": {"type": kind}}
    plain = {
        "id": f"msg_{custom_id}",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-20260701",
        "content": [{"type": "text", "text": "line\nfeeds \u2028 and\u00fcmlauts"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1_000, "output_tokens": 100, "service_tier": "batch"},
    }
    return {"custom_id": custom_id, "result": {"type": kind, "message": plain | message}}


def body(*lines: dict[str, Any], end: str = "\n") -> bytes:
    return ("\n".join(json.dumps(each, ensure_ascii=False) for each in lines) + end).encode()


ALL_KINDS = (line("a"), line("b", "errored"), line("c", "canceled"), line("d", "expired"), line("e"))
READ = [
    BatchResult(
        custom_id="a",
        type="succeeded",
        model="claude-opus-5-20260701",
        usage=Usage(input_tokens=1_000, output_tokens=100, service_tier="batch"),
        stop_reason="end_turn",
        message_id="msg_a",
    ),
    BatchResult(custom_id="b", type="errored", error=CallError(type="invalid_request_error")),
    BatchResult(custom_id="c", type="canceled"),
    BatchResult(custom_id="d", type="expired"),
    BatchResult(
        custom_id="e",
        type="succeeded",
        model="claude-opus-5-20260701",
        usage=Usage(input_tokens=1_000, output_tokens=100, service_tier="batch"),
        stop_reason="end_turn",
        message_id="msg_e",
    ),
]


def results_of(pieces: list[bytes], *, complete: bool = True) -> tuple[list[BatchResult], int, int]:
    lines = ResultLines()
    found = [result for piece in pieces for result in lines.feed(piece)]
    found += lines.finish(complete=complete)
    return found, lines.broken, lines.too_long


def fetch(**changes: Any) -> Call:
    """A call that fetched the results of the batch."""
    fields: dict[str, Any] = {
        "id": "relay-0-1:9",
        "method": "GET",
        "endpoint": "/v1/messages/batches/{id}/results",
        "batch_id": BATCH,
        "usage": None,
        "cache_writes": CacheWrites(),
        "stop_reason": None,
        "project": "checkout",
    }
    return paid(None, **(fields | changes))


def bills(pieces: list[bytes], seen: SeenInMemory) -> list[Bill]:
    found, _, _ = results_of(pieces, complete=False)
    return [bill for _, bill in bill_results(fetch(), found, seen, book())]


@pytest.mark.parametrize("end", ["\n", "", "\r\n", "\n\n"])
def test_every_kind_of_result_is_read(end: str) -> None:
    assert results_of([body(*ALL_KINDS, end=end)]) == (READ, 0, 0)


@given(st.lists(st.integers(0, 2_000), max_size=20))
def test_results_are_the_same_wherever_the_body_is_cut(cuts: list[int]) -> None:
    whole = body(*ALL_KINDS)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[start:end] for start, end in pairwise(places)]
    assert results_of(pieces) == (READ, 0, 0)


def test_byte_by_byte_they_are_the_same() -> None:
    whole = body(*ALL_KINDS)
    assert results_of([whole[at : at + 1] for at in range(len(whole))]) == (READ, 0, 0)


def test_a_body_that_is_cut_off_tells_only_of_its_whole_lines() -> None:
    whole = body(*ALL_KINDS)
    for end in range(len(whole) + 1):
        found, broken, too_long = results_of([whole[:end]], complete=False)
        assert (found, broken, too_long) == (READ[: len(found)], 0, 0)
        assert len(found) >= whole[:end].count(b"\n")


@pytest.mark.parametrize(
    "noise",
    [
        b"{",
        b"null",
        b"[]",
        b'{"custom_id": 1}',
        b'{"custom_id": "x", "result": {}}',
        b"\xff\xfe",
        b"data: {}",
    ],
)
def test_a_broken_line_is_counted_and_costs_its_neighbours_nothing(noise: bytes) -> None:
    assert results_of([body(line("a")) + noise + b"\n" + body(line("e"))]) == ([READ[0], READ[4]], 1, 0)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_read_without_complaint(pieces: list[bytes]) -> None:
    results_of(pieces)


def test_a_line_that_is_too_long_is_let_go_of_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_LINE", 1_000)
    long = body(line("long", content=[{"type": "text", "text": "x" * 5_000}]))
    whole = body(line("a")) + long + body(line("e"))
    assert results_of([whole]) == ([READ[0], READ[4]], 0, 1)
    lines = ResultLines()
    for at in range(0, len(long) - 1, 100):
        lines.feed(long[at : at + 100])
        assert sum(map(len, lines._chunks)) <= 1_100


def test_a_newer_kind_of_result_is_noted_and_costs_nothing() -> None:
    result = read_result(json.dumps({"custom_id": "n", "result": {"type": "postponed"}}).encode())
    assert result == BatchResult(custom_id="n", type="other", unknown=("batch_result:postponed",))
    call = result_call(fetch(), BATCH, BatchResult(custom_id="n", type="other"))
    assert (price(call, book()).status, price(call, book()).total) == (Status.EXACT, Decimal(0))


def test_each_result_is_a_call_of_its_own_at_half_the_price() -> None:
    ((call, bill), *_) = bill_results(fetch(), READ, SeenInMemory(), book())
    assert (call.id, call.custom_id) == (f"relay-0-1:9#{result_key(BATCH, 'a').hex()}", "a")
    told = (call.endpoint, call.project, call.model, call.model_served, call.batch_id, call.outcome)
    assert told == (
        "/v1/messages/batches/{id}/results",
        "checkout",
        "claude-opus-5",
        "claude-opus-5-20260701",
        BATCH,
        Outcome.OK,
    )
    # Half of 1,000 x 5 + 100 x 25 micro-dollars.
    assert (bill.total, bill.batch_savings, bill.modifiers) == (
        Decimal("0.00375"),
        Decimal("0.00375"),
        ("batch",),
    )


def test_what_did_not_succeed_is_free() -> None:
    billed = list(bill_results(fetch(), READ[1:4], SeenInMemory(), book()))
    assert [(call.outcome, call.error, bill.total, bill.items) for call, bill in billed] == [
        (Outcome.API_ERROR, CallError(type="invalid_request_error"), Decimal(0), ()),
        (Outcome.API_ERROR, None, Decimal(0), ()),
        (Outcome.API_ERROR, None, Decimal(0), ()),
    ]


def test_the_batch_price_holds_where_the_line_does_not_name_the_tier() -> None:
    (result,) = results_of([body(line("a", usage={"input_tokens": 1_000, "output_tokens": 0}))])[0]
    assert price(result_call(fetch(), BATCH, result), book()).total == Decimal("0.0025")


def test_a_result_without_counts_is_never_free() -> None:
    (result,) = results_of([body(line("a", usage=None))])[0]
    bill = price(result_call(fetch(), BATCH, result), book())
    assert (bill.status, bill.reasons) == (Status.ESTIMATED, ("usage_unknown",))


def test_the_fetch_itself_is_free() -> None:
    assert price(fetch(), book()).total == 0


def test_results_that_are_fetched_twice_bill_once() -> None:
    seen, whole = SeenInMemory(), body(*ALL_KINDS)
    assert len(bills([whole], seen)) == 5
    assert bills([whole], seen) == []


def test_a_result_that_comes_twice_in_one_body_bills_once() -> None:
    assert len(bills([body(line("a"), line("a"))], SeenInMemory())) == 1


def test_the_same_id_in_another_batch_is_another_result() -> None:
    seen = SeenInMemory()
    first = list(bill_results(fetch(), READ[:1], seen, book()))
    second = list(bill_results(fetch(batch_id="msgbatch_02"), READ[:1], seen, book()))
    assert (len(first), len(second)) == (1, 1)


@given(st.lists(st.integers(0, 2_000), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_partial_fetches_in_any_order_bill_each_result_once(ends: list[int], chance: random.Random) -> None:
    seen, total = SeenInMemory(), Decimal(0)
    lines = list(ALL_KINDS)
    for end in [*ends, 1_000_000]:
        chance.shuffle(lines)
        total += sum((bill.total or Decimal(0) for bill in bills([body(*lines)[:end]], seen)), Decimal(0))
    assert total == Decimal("0.0075")


def test_a_batch_that_is_not_known_bills_nothing() -> None:
    assert list(bill_results(fetch(batch_id=None), READ, SeenInMemory(), book())) == []


def test_memory_for_results_is_bounded_and_says_what_it_forgot() -> None:
    seen = SeenInMemory(limit=3)
    news = [seen.first(result_key(BATCH, str(number))) for number in (1, 2, 3, 1, 4, 2, 1)]
    # 1 was met again, so 2 was the oldest when 4 came.
    assert (news, seen.forgotten) == ([True, True, True, False, True, True, False], 2)


def test_an_endless_custom_id_is_kept_as_a_hash() -> None:
    call = result_call(fetch(), BATCH, BatchResult(custom_id="x" * 1_000, type="expired"))
    assert call.custom_id == result_key(BATCH, "x" * 1_000).hex()


def test_without_memory_every_result_is_priced() -> None:
    priced = [bill.total for _, bill in [*price_results(fetch(), READ[:1], book())] * 2]
    assert priced == [Decimal("0.00375")] * 2


def test_keys_do_not_run_into_each_other() -> None:
    assert result_key("ab", "c") != result_key("a", "bc")
