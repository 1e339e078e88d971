"""The bill of every recorded reply is genai-prices' own calculation, wherever that covers the case.

The oracle takes the SDK's usage of a reply and goes through genai-prices from front to back: its own
extraction, its own matching of names, its own arithmetic. It shares no code with the bill.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from genai_prices import extract_usage
from tests.conformance.test_truth_dialect import CUTS, at_random_places, read, single_bytes

from tokentape.proxy.pricing.batches import ResultLines, SeenInMemory, bill_results
from tokentape.proxy.pricing.bill import Bill, Status
from tokentape.proxy.pricing.book import PriceBook, open_book
from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.recordings import Interaction
    from tests.support.sdk_oracle import Truth

    from tokentape.proxy.messages.call import Call

AT = datetime.fromtimestamp(1_700_000_000, UTC)
"""The wall time that recorded calls are given; no price that they need has changed since."""

NOT_COVERED = {
    "compaction": "tokens of `usage.iterations` of type compaction, which the library does not read",
    "error": "an error has no usage to calculate with",
}
"""Cases among the recordings for which genai-prices has no calculation of the whole price."""


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return open_book()


@pytest.fixture(scope="module")
def calls(replies: list[Interaction]) -> dict[str, Call]:
    return {reply.name: read(reply, [reply.body]) for reply in replies}


def not_covered(truth: Truth) -> str | None:
    if truth.usage is None:
        return "error"
    return "compaction" if summaries(truth.usage) else None


def summaries(usage: dict[str, Any]) -> list[dict[str, Any]]:
    iterations: list[dict[str, Any]] = usage.get("iterations") or []
    return [entry for entry in iterations if entry["type"] == "compaction"]


def librarys(model: str, usage: dict[str, Any], context: dict[str, str] | None = None) -> Decimal:
    extracted = extract_usage({"model": model, "usage": usage}, provider_id="anthropic")
    return extracted.calc_price(genai_request_timestamp=AT, price_context=context).total_price


def test_every_bill_is_the_librarys_wherever_it_covers_the_case(
    calls: dict[str, Call], truths: dict[str, Truth], book: PriceBook
) -> None:
    told: dict[str, Decimal | None] = {}
    expected: dict[str, Decimal] = {}
    for name, truth in truths.items():
        if not_covered(truth) is None:
            assert truth.usage is not None
            assert truth.model is not None
            told[name] = price(calls[name], book).total
            expected[name] = librarys(truth.model, truth.usage)
    assert len(expected) == 679
    assert {name: (told[name], expected[name]) for name in expected if told[name] != expected[name]} == {}


def test_cases_that_the_library_does_not_cover_are_few(truths: dict[str, Truth]) -> None:
    cases = Counter(case for truth in truths.values() if (case := not_covered(truth)))
    assert (cases, set(cases)) == ({"compaction": 3, "error": 18}, set(NOT_COVERED))


def test_compaction_is_billed_beside_the_top_level(
    calls: dict[str, Call], truths: dict[str, Truth], book: PriceBook
) -> None:
    for name, truth in truths.items():
        if not_covered(truth) == "compaction":
            assert truth.usage is not None
            assert truth.model is not None
            parts = [truth.usage, *summaries(truth.usage)]
            expected = sum((librarys(truth.model, part) for part in parts), Decimal(0))
            assert price(calls[name], book).total == expected


def test_errors_cost_nothing(calls: dict[str, Call], truths: dict[str, Truth], book: PriceBook) -> None:
    bills = [price(calls[name], book) for name, truth in truths.items() if truth.usage is None]
    assert {(bill.status, bill.total) for bill in bills} == {(Status.EXACT, Decimal(0))}


def test_what_is_not_exact_says_why(calls: dict[str, Call], book: PriceBook) -> None:
    bills = [price(call, book) for call in calls.values()]
    assert Counter((bill.status.value, bill.reasons) for bill in bills) == {
        ("exact", ()): 681,
        # Older replies give no split of cache writes by ttl.
        ("estimated", ("cache_split",)): 17,
        # A recorder put something else for the region.
        ("estimated", ("unknown_geo",)): 2,
    }


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_the_same_reply_cut_anywhere_has_the_same_bill(
    replies: list[Interaction], calls: dict[str, Call], book: PriceBook, cut: Callable[[bytes], list[bytes]]
) -> None:
    told = {reply.name: price(read(reply, cut(reply.body)), book) for reply in replies}
    whole = {name: price(call, book) for name, call in calls.items()}
    assert {name for name in whole if told[name] != whole[name]} == set()


def test_other_endpoints_cost_nothing(interactions: list[Interaction], book: PriceBook) -> None:
    others = [other for other in interactions if not other.is_message]
    bills = [price(read(other, [other.body]), book) for other in others]
    assert {bill.total for bill in bills if bill.total is not None} == {Decimal(0)}
    unpriced = [other.path for other, bill in zip(others, bills, strict=True) if bill.total is None]
    assert unpriced == ["/v1/complete"] * 3


def results(interactions: list[Interaction]) -> list[Interaction]:
    return [each for each in interactions if each.path.endswith("/results") and each.status == 200]


@pytest.mark.parametrize("cut", [CUTS["whole"], single_bytes, at_random_places(1)])
def test_recorded_batch_results_are_half_the_librarys_price_once(
    interactions: list[Interaction], book: PriceBook, cut: Callable[[bytes], list[bytes]]
) -> None:
    seen = SeenInMemory()
    recorded = results(interactions)
    first = [bill for each in recorded for bill in bills(each, cut, seen, book)]
    again = [bill for each in recorded for bill in bills(each, cut, seen, book)]
    lines = [json.loads(line)["result"] for each in recorded for line in each.body.splitlines()]
    messages = [line["message"] for line in lines if line["type"] == "succeeded"]
    assert [bill.total for bill in first] == [
        librarys(message["model"], message["usage"]) / 2 for message in messages
    ]
    assert again == []


def bills(
    fetched: Interaction, cut: Callable[[bytes], list[bytes]], seen: SeenInMemory, book: PriceBook
) -> list[Bill]:
    lines = ResultLines()
    found = [result for piece in cut(fetched.body) for result in lines.feed(piece)]
    found += lines.finish(complete=True)
    return [bill for _, bill in bill_results(read(fetched, [fetched.body]), found, seen, book)]
