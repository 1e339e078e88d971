"""Bills worked out by hand from the documentation, before there was code to make them.

Prices are USD for a million tokens, as of November 2026, from the API's pricing page
(https://platform.claude.com/docs/en/about-claude/pricing), in the order input / 5 minute write /
1 hour write / read / output:

=========== ==== ===== ==== ===== ==== ==========================================================
Haiku 3.5    0.8  1     1.6 0.08     4
Sonnet 4       3  3.75    6 0.3     15  over 200,000 prompt tokens: input x2, output x1.5
Sonnet 4.5     3  3.75    6 0.3     15  the same
Opus 4        15 18.75   30 1.5     75
Opus 4.5       5  6.25   10 0.5     25
Opus 4.6       5  6.25   10 0.5     25  fast: x6. Until 2026-03-12 as Sonnet 4.5 over 200,000
Opus 4.7       5  6.25   10 0.5     25  fast: x6
Opus 5         5  6.25   10 0.5     25  fast: 10 and 50
Opus 5.5       4  5       8 0.2     20  fast: 8 and 40
Sonnet 5       2  2.5     4 0.2     10
Haiku 4.5      1  1.25    2 0.1      5
Haiku 5.5    0.1  0.125 0.2 0.01   0.5  over 100,000 prompt tokens: all x5
Fable 5       10 12.5    20 1       50
Fable 5.2      8 10      16 0.2     40  fast: 16 and 80
=========== ==== ===== ==== ===== ==== ==========================================================

Web search: 10 USD for 1,000. Batch: tokens at half the price. `inference_geo: us`: tokens x1.1 on
models from the 4.6 generation on. So 1 token at N USD a million costs N micro-dollars, and every
derivation below is in micro-dollars (u).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.proxy.pricing.paid_calls import FEBRUARY, SEPTEMBER, book, paid

from tokentape.proxy.messages.call import CallError, Iteration, Outcome, RequestFacts
from tokentape.proxy.pricing.bill import Bill, Status
from tokentape.proxy.pricing.price import price

HAIKU_35, SONNET_4, OPUS_4 = (
    "claude-3-5-haiku-20241022",
    "claude-sonnet-4-20250514",
    "claude-opus-4-20250514",
)

EXAMPLES = [
    # 1,000 requests of (input, output) tokens cost, in USD, with Haiku 3.5 / Sonnet 4 / Opus 4.
    (500, 200, "1.20", "4.50", "22.50"),
    (2_000, 1_000, "5.60", "21", "105"),
    (10_000, 2_000, "16", "60", "300"),
    (20_000, 5_000, "36", "135", "675"),
]


@pytest.mark.parametrize(
    ("model", "sent", "received", "usd"),
    [
        (model, sent, received, usd)
        for sent, received, *totals in EXAMPLES
        for model, usd in zip((HAIKU_35, SONNET_4, OPUS_4), totals, strict=True)
    ],
)
def test_a_thousand_ordinary_requests(model: str, sent: int, received: int, usd: str) -> None:
    bill = price(paid(model, input=sent, output=received), book())
    assert (bill.status, bill.reasons, bill.total and bill.total * 1_000) == (Status.EXACT, (), Decimal(usd))


def micro(amount: str) -> Decimal:
    return Decimal(amount).scaleb(-6)


def told(bill: Bill) -> dict[str, Any]:
    """A bill as the table says it; what is empty is left out."""
    items = [(item.kind.value, item.model, item.quantity, item.usd) for item in bill.items]
    said = {
        "status": bill.status.value,
        "total": bill.total,
        "items": items,
        "reasons": list(bill.reasons),
        "modifiers": list(bill.modifiers),
        "savings": bill.savings,
        "batch_savings": bill.batch_savings,
        "waste": bill.waste,
        "cause": bill.waste_cause,
        "subscription": bill.subscription,
    }
    return {key: value for key, value in said.items() if value or key == "total"}


def expected(
    total: str | None,
    items: list[tuple[str, str, int, str]],
    *,
    status: str = "exact",
    savings: str = "0",
    batch_savings: str = "0",
    waste: str = "0",
    **rest: Any,
) -> dict[str, Any]:
    """What the table says; all amounts in micro-dollars."""
    said = {
        "status": status,
        "total": None if total is None else micro(total),
        "items": [(kind, model, quantity, micro(usd)) for kind, model, quantity, usd in items],
        "savings": micro(savings),
        "batch_savings": micro(batch_savings),
        "waste": micro(waste),
        **rest,
    }
    return {key: value for key, value in said.items() if value or key == "total"}


def advisor(model: str | None, **counts: Any) -> Iteration:
    return Iteration(type="advisor_message", model=model, **counts)


def compaction(**counts: Any) -> Iteration:
    return Iteration(type="compaction", **counts)


def sampling(model: str | None = None, **counts: Any) -> Iteration:
    return Iteration(type="message", model=model, **counts)


def broken(outcome: Outcome = Outcome.CLIENT_ABORT, **changes: Any) -> dict[str, Any]:
    """A stream that ended before its time."""
    return {"outcome": outcome, "stop_reason": None, "stream": True, **changes}


TABLE: dict[str, tuple[Any, dict[str, Any]]] = {
    # ---- kinds ----
    # 1,000 x 3 = 3,000; 500 x 15 = 7,500; together 10,500.
    "input and output": (
        paid("claude-sonnet-4-5-20250929", input=1_000, output=500),
        expected(
            "10500",
            [("input", "claude-sonnet-4-5", 1_000, "3000"), ("output", "claude-sonnet-4-5", 500, "7500")],
        ),
    ),
    # Reads 10,000 x 0.3 = 3,000, uncached 30,000: saves 27,000. 7 x 3 = 21; 100 x 15 = 1,500.
    "cache reads": (
        paid("claude-sonnet-4-5", input=7, output=100, read=10_000),
        expected(
            "4521",
            [
                ("input", "claude-sonnet-4-5", 7, "21"),
                ("cache_read", "claude-sonnet-4-5", 10_000, "3000"),
                ("output", "claude-sonnet-4-5", 100, "1500"),
            ],
            savings="27000",
        ),
    ),
    # 1,000 x 3.75 = 3,750, uncached 3,000: costs 750 extra.
    "five minute writes": (
        paid("claude-sonnet-4-5", w5m=1_000, w1h=0),
        expected("3750", [("cache_write_5m", "claude-sonnet-4-5", 1_000, "3750")], savings="-750"),
    ),
    # 1,000 x 6 = 6,000, uncached 3,000: costs 3,000 extra.
    "one hour writes": (
        paid("claude-sonnet-4-5", w5m=0, w1h=1_000),
        expected("6000", [("cache_write_1h", "claude-sonnet-4-5", 1_000, "6000")], savings="-3000"),
    ),
    # Haiku 4.5: 10 x 1 = 10; reads 4,000 x 0.1 = 400 (saves 3,600); 5m 400 x 1.25 = 500 (100 extra);
    # 1h 600 x 2 = 1,200 (600 extra); 50 x 5 = 250. Together 2,360; saves 3,600 - 700 = 2,900.
    "all token kinds": (
        paid("claude-haiku-4-5-20251001", input=10, output=50, read=4_000, w5m=400, w1h=600),
        expected(
            "2360",
            [
                ("input", "claude-haiku-4-5", 10, "10"),
                ("cache_read", "claude-haiku-4-5", 4_000, "400"),
                ("cache_write_5m", "claude-haiku-4-5", 400, "500"),
                ("cache_write_1h", "claude-haiku-4-5", 600, "1200"),
                ("output", "claude-haiku-4-5", 50, "250"),
            ],
            savings="2900",
        ),
    ),
    # Three searches at 0.01 USD = 30,000; 100 x 4 = 400; 10 x 20 = 200.
    "web searches": (
        paid("claude-opus-5-5", input=100, output=10, searches=3),
        expected(
            "30600",
            [
                ("input", "claude-opus-5-5", 100, "400"),
                ("output", "claude-opus-5-5", 10, "200"),
                ("web_search", "claude-opus-5-5", 3, "30000"),
            ],
        ),
    ),
    # Opus 5.5 reads at 0.05x its input: 10,000 x 0.2 = 2,000; uncached 40,000: saves 38,000.
    "reads cheaper than a tenth": (
        paid("claude-opus-5-5", read=10_000),
        expected("2000", [("cache_read", "claude-opus-5-5", 10_000, "2000")], savings="38000"),
    ),
    # Fable 5.2 reads at 0.025x its input: 10,000 x 0.2 = 2,000; uncached 80,000: saves 78,000.
    "reads at a fortieth": (
        paid("claude-fable-5-2", read=10_000),
        expected("2000", [("cache_read", "claude-fable-5-2", 10_000, "2000")], savings="78000"),
    ),
    # Nothing in, nothing out.
    "zero tokens": (paid("claude-opus-5"), expected("0", [])),
    # ---- remainders of cache writes ----
    # No split, ttl of the request 1h: 1,000 x 6 = 6,000; uncached 3,000.
    "no split, one hour asked": (
        paid("claude-sonnet-4-5", write=1_000, ttls=("1h",)),
        expected(
            "6000",
            [("cache_write_1h", "claude-sonnet-4-5", 1_000, "6000")],
            savings="-3000",
            status="estimated",
            reasons=["cache_split"],
        ),
    ),
    # No split, nothing said: the API's default is 5 minutes.
    "no split, default ttl": (
        paid("claude-sonnet-4-5", write=1_000),
        expected(
            "3750",
            [("cache_write_5m", "claude-sonnet-4-5", 1_000, "3750")],
            savings="-750",
            status="estimated",
            reasons=["cache_split"],
        ),
    ),
    # A server tool wrote 200 more after message_start split 1,000: 1,200 x 3.75 = 4,500; uncached 3,600.
    "a split that lags behind": (
        paid("claude-sonnet-4-5", write=1_200, w5m=1_000, w1h=0),
        expected(
            "4500",
            [("cache_write_5m", "claude-sonnet-4-5", 1_200, "4500")],
            savings="-900",
            status="estimated",
            reasons=["cache_split"],
        ),
    ),
    # ---- long prompts: the whole request is dearer, the count is all input with cache ----
    # 100,000 in all is not over 100,000: 60,000 x 0.1 = 6,000; 40,000 x 0.01 = 400 (saves 3,600);
    # 1,000 x 0.5 = 500.
    "at the cliff": (
        paid("claude-haiku-5-5", input=60_000, read=40_000, output=1_000),
        expected(
            "6900",
            [
                ("input", "claude-haiku-5-5", 60_000, "6000"),
                ("cache_read", "claude-haiku-5-5", 40_000, "400"),
                ("output", "claude-haiku-5-5", 1_000, "500"),
            ],
            savings="3600",
        ),
    ),
    # One more token makes all of it five times as dear: 60,001 x 0.5 = 30,000.5; 40,000 x 0.05 = 2,000
    # (saves 18,000); 1,000 x 2.5 = 2,500.
    "one over the cliff": (
        paid("claude-haiku-5-5", input=60_001, read=40_000, output=1_000),
        expected(
            "34500.5",
            [
                ("input", "claude-haiku-5-5", 60_001, "30000.5"),
                ("cache_read", "claude-haiku-5-5", 40_000, "2000"),
                ("output", "claude-haiku-5-5", 1_000, "2500"),
            ],
            savings="18000",
            modifiers=["long_context"],
        ),
    ),
    # Sonnet 4.5: 1,000 x 6 = 6,000; writes 200,000 x 7.5 = 1,500,000 (uncached 1,200,000);
    # 100 x 22.5 = 2,250.
    "cache writes count for the cliff": (
        paid("claude-sonnet-4-5", input=1_000, w5m=200_000, w1h=0, output=100),
        expected(
            "1508250",
            [
                ("input", "claude-sonnet-4-5", 1_000, "6000"),
                ("cache_write_5m", "claude-sonnet-4-5", 200_000, "1500000"),
                ("output", "claude-sonnet-4-5", 100, "2250"),
            ],
            savings="-300000",
            modifiers=["long_context"],
        ),
    ),
    # Sonnet 4 has the same cliff: 200,001 x 6 = 1,200,006; 10 x 22.5 = 225.
    "the older Sonnet's cliff": (
        paid(SONNET_4, input=200_001, output=10),
        expected(
            "1200231",
            [("input", "claude-sonnet-4", 200_001, "1200006"), ("output", "claude-sonnet-4", 10, "225")],
            modifiers=["long_context"],
        ),
    ),
    # Sonnet 5 has none: 300,000 x 2 = 600,000.
    "no cliff on the newer Sonnet": (
        paid("claude-sonnet-5", input=300_000),
        expected("600000", [("input", "claude-sonnet-5", 300_000, "600000")]),
    ),
    # Opus 4.6 in February 2026, over 200,000: 250,000 x 10 = 2,500,000; 100 x 37.5 = 3,750.
    "a cliff that has gone, before": (
        paid("claude-opus-4-6", input=250_000, output=100, at=FEBRUARY),
        expected(
            "2503750",
            [("input", "claude-opus-4-6", 250_000, "2500000"), ("output", "claude-opus-4-6", 100, "3750")],
            modifiers=["long_context"],
        ),
    ),
    # The same in November: 250,000 x 5 = 1,250,000; 100 x 25 = 2,500.
    "a cliff that has gone, after": (
        paid("claude-opus-4-6", input=250_000, output=100),
        expected(
            "1252500",
            [("input", "claude-opus-4-6", 250_000, "1250000"), ("output", "claude-opus-4-6", 100, "2500")],
        ),
    ),
    # ---- batch ----
    # Half of 1,000 x 5 + 100 x 25 = 7,500: 3,750.
    "batch": (
        paid("claude-opus-5", input=1_000, output=100, tier="batch"),
        expected(
            "3750",
            [("input", "claude-opus-5", 1_000, "2500"), ("output", "claude-opus-5", 100, "1250")],
            batch_savings="3750",
            modifiers=["batch"],
        ),
    ),
    # The same on a day for which the table has no batch price.
    "batch, before the table knows of it": (
        paid("claude-opus-5", input=1_000, output=100, tier="batch", at=SEPTEMBER),
        expected(
            "3750",
            [("input", "claude-opus-5", 1_000, "2500"), ("output", "claude-opus-5", 100, "1250")],
            batch_savings="3750",
            modifiers=["batch"],
        ),
    ),
    # A model that the table has no batch price for: half of 1,000 x 15 + 100 x 75 = 22,500.
    "batch on an older model": (
        paid(OPUS_4, input=1_000, output=100, tier="batch"),
        expected(
            "11250",
            [("input", "claude-opus-4", 1_000, "7500"), ("output", "claude-opus-4", 100, "3750")],
            batch_savings="11250",
            modifiers=["batch"],
        ),
    ),
    # Reads 10,000 x 0.05 = 500 (uncached 5,000, saves 4,500), ordinary 1,000; 1h 1,000 x 1 = 1,000
    # (500 extra), ordinary 2,000. Batch saves 500 + 1,000. Searches have no batch price: 10,000.
    "batch with cache and search": (
        paid("claude-haiku-4-5", read=10_000, w5m=0, w1h=1_000, searches=1, tier="batch"),
        expected(
            "11500",
            [
                ("cache_read", "claude-haiku-4-5", 10_000, "500"),
                ("cache_write_1h", "claude-haiku-4-5", 1_000, "1000"),
                ("web_search", "claude-haiku-4-5", 1, "10000"),
            ],
            savings="4000",
            batch_savings="1500",
            modifiers=["batch"],
        ),
    ),
    # Half of the dear side of the cliff: 150,000 x 0.25 = 37,500; ordinary 75,000.
    "batch over the cliff": (
        paid("claude-haiku-5-5", input=150_000, tier="batch"),
        expected(
            "37500",
            [("input", "claude-haiku-5-5", 150_000, "37500")],
            batch_savings="37500",
            modifiers=["batch", "long_context"],
        ),
    ),
    # ---- other tiers ----
    "standard tier": (
        paid("claude-opus-5", input=100, tier="standard"),
        expected("500", [("input", "claude-opus-5", 100, "500")]),
    ),
    # What a commitment really costs is in its contract, so the list price is a stand-in.
    "priority tier": (
        paid("claude-opus-5", input=100, tier="priority"),
        expected(
            "500", [("input", "claude-opus-5", 100, "500")], status="estimated", reasons=["priority_tier"]
        ),
    ),
    "a tier nobody knows": (
        paid("claude-opus-5", input=100, tier="flex"),
        expected(
            "500", [("input", "claude-opus-5", 100, "500")], status="estimated", reasons=["unknown_tier"]
        ),
    ),
    # ---- region ----
    # 1,000 x 5.5 = 5,500; 100 x 27.5 = 2,750; a search is no token: 10,000.
    "inference in the US": (
        paid("claude-opus-5", input=1_000, output=100, searches=1, geo="us"),
        expected(
            "18250",
            [
                ("input", "claude-opus-5", 1_000, "5500"),
                ("output", "claude-opus-5", 100, "2750"),
                ("web_search", "claude-opus-5", 1, "10000"),
            ],
            modifiers=["geo_us"],
        ),
    ),
    # Reads too: 10,000 x 0.55 = 5,500, uncached 55,000.
    "cached inference in the US": (
        paid("claude-opus-4-6", read=10_000, geo="us"),
        expected(
            "5500", [("cache_read", "claude-opus-4-6", 10_000, "5500")], savings="49500", modifiers=["geo_us"]
        ),
    ),
    "inference anywhere": (
        paid("claude-opus-5", input=1_000, geo="global"),
        expected("5000", [("input", "claude-opus-5", 1_000, "5000")]),
    ),
    # Models before the 4.6 generation have no regional price.
    "a model without regions": (
        paid("claude-sonnet-4-5", input=1_000, geo="not_available"),
        expected("3000", [("input", "claude-sonnet-4-5", 1_000, "3000")]),
    ),
    "the US on a model without regions": (
        paid("claude-sonnet-4-5", input=1_000, geo="us"),
        expected("3000", [("input", "claude-sonnet-4-5", 1_000, "3000")]),
    ),
    "a region nobody knows": (
        paid("claude-opus-5", input=1_000, geo="mars"),
        expected(
            "5000", [("input", "claude-opus-5", 1_000, "5000")], status="estimated", reasons=["unknown_geo"]
        ),
    ),
    # Half of 5 x 1.1: 1,000 x 2.75 = 2,750; ordinary 5,500.
    "batch in the US": (
        paid("claude-opus-5", input=1_000, tier="batch", geo="us"),
        expected(
            "2750",
            [("input", "claude-opus-5", 1_000, "2750")],
            batch_savings="2750",
            modifiers=["batch", "geo_us"],
        ),
    ),
    # ---- fast mode ----
    # 1,000 x 10 = 10,000; 100 x 50 = 5,000; reads 1,000 x 1 = 1,000 (uncached 10,000).
    "fast": (
        paid("claude-opus-5", input=1_000, output=100, read=1_000, speed="fast"),
        expected(
            "16000",
            [
                ("input", "claude-opus-5", 1_000, "10000"),
                ("cache_read", "claude-opus-5", 1_000, "1000"),
                ("output", "claude-opus-5", 100, "5000"),
            ],
            savings="9000",
            modifiers=["fast"],
        ),
    ),
    # 1,000 x 16 = 16,000; 100 x 80 = 8,000.
    "fast on the newest": (
        paid("claude-fable-5-2", input=1_000, output=100, speed="fast"),
        expected(
            "24000",
            [("input", "claude-fable-5-2", 1_000, "16000"), ("output", "claude-fable-5-2", 100, "8000")],
            modifiers=["fast"],
        ),
    ),
    # Six times 5 and 25: 1,000 x 30 = 30,000; 100 x 150 = 15,000.
    "fast on Opus 4.6": (
        paid("claude-opus-4-6", input=1_000, output=100, speed="fast"),
        expected(
            "45000",
            [("input", "claude-opus-4-6", 1_000, "30000"), ("output", "claude-opus-4-6", 100, "15000")],
            modifiers=["fast"],
        ),
    ),
    # Opus 4.7: reads 1,000 x 3 = 3,000, uncached 30,000.
    "fast reads on Opus 4.7": (
        paid("claude-opus-4-7", read=1_000, speed="fast"),
        expected(
            "3000", [("cache_read", "claude-opus-4-7", 1_000, "3000")], savings="27000", modifiers=["fast"]
        ),
    ),
    # 1,000 x 10 x 1.1 = 11,000.
    "fast in the US": (
        paid("claude-opus-5", input=1_000, speed="fast", geo="us"),
        expected("11000", [("input", "claude-opus-5", 1_000, "11000")], modifiers=["fast", "geo_us"]),
    ),
    # Half of 1,000 x 10.
    "fast with batch": (
        paid("claude-opus-5", input=1_000, speed="fast", tier="batch"),
        expected(
            "5000",
            [("input", "claude-opus-5", 1_000, "5000")],
            batch_savings="5000",
            modifiers=["batch", "fast"],
        ),
    ),
    # Half of 1,000 x 30 x 1.1.
    "fast with batch in the US on Opus 4.6": (
        paid("claude-opus-4-6", input=1_000, speed="fast", tier="batch", geo="us"),
        expected(
            "16500",
            [("input", "claude-opus-4-6", 1_000, "16500")],
            batch_savings="16500",
            modifiers=["batch", "fast", "geo_us"],
        ),
    ),
    "standard speed": (
        paid("claude-opus-4-6", input=1_000, speed="standard"),
        expected("5000", [("input", "claude-opus-4-6", 1_000, "5000")]),
    ),
    # Sonnet has no fast price, so the standard one is an assumption that is said.
    "fast without a fast price": (
        paid("claude-sonnet-5", input=1_000, speed="fast"),
        expected(
            "2000",
            [("input", "claude-sonnet-5", 1_000, "2000")],
            status="estimated",
            reasons=["unknown_speed"],
        ),
    ),
    # ---- iterations ----
    # Compaction is beside the top level: 180,000 x 2 = 360,000 + 23,000 x 2 = 46,000 make 406,000
    # of input; 3,500 x 10 + 1,000 x 10 = 45,000 of output.
    "compaction": (
        paid(
            "claude-sonnet-5",
            input=23_000,
            output=1_000,
            iterations=(
                compaction(input_tokens=180_000, output_tokens=3_500),
                sampling(input_tokens=23_000, output_tokens=1_000),
            ),
        ),
        expected(
            "451000",
            [("input", "claude-sonnet-5", 203_000, "406000"), ("output", "claude-sonnet-5", 4_500, "45000")],
        ),
    ),
    # On demand, the top level is zero: 144 x 4 = 576; 276 x 20 = 5,520.
    "compaction and nothing else": (
        paid(
            "claude-opus-5-5",
            iterations=(compaction(input_tokens=144, output_tokens=276),),
            stop_reason="compaction",
        ),
        expected(
            "6096", [("input", "claude-opus-5-5", 144, "576"), ("output", "claude-opus-5-5", 276, "5520")]
        ),
    ),
    # The compaction's prompt is a prompt of its own: 120,000 over the cliff at 0.5 = 60,000; 1,000 at
    # 2.5 = 2,500; the reply's 50,000 under it at 0.1 = 5,000; 200 at 0.5 = 100.
    "each prompt has its own cliff": (
        paid(
            "claude-haiku-5-5",
            input=50_000,
            output=200,
            iterations=(compaction(input_tokens=120_000, output_tokens=1_000),),
        ),
        expected(
            "67600",
            [("input", "claude-haiku-5-5", 170_000, "65000"), ("output", "claude-haiku-5-5", 1_200, "2600")],
            modifiers=["long_context"],
        ),
    ),
    # The advisor at its own price: 823 x 10 = 8,230; 1,612 x 50 = 80,600. The top level, Haiku 4.5:
    # 412 x 1 = 412; 531 x 5 = 2,655.
    "advisor": (
        paid(
            "claude-haiku-4-5",
            input=412,
            output=531,
            iterations=(
                sampling(input_tokens=412, output_tokens=531),
                advisor("claude-fable-5", input_tokens=823, output_tokens=1_612),
            ),
        ),
        expected(
            "91897",
            [
                ("input", "claude-haiku-4-5", 412, "412"),
                ("output", "claude-haiku-4-5", 531, "2655"),
                ("input", "claude-fable-5", 823, "8230"),
                ("output", "claude-fable-5", 1_612, "80600"),
            ],
        ),
    ),
    # The advisor's cache: 5m 1,000 x 12.5 = 12,500 (2,500 extra); reads 2,000 x 1 = 2,000 (saves 18,000).
    "an advisor with a cache": (
        paid(
            "claude-haiku-4-5",
            iterations=(
                advisor(
                    "claude-fable-5",
                    cache_creation_input_tokens=1_000,
                    ephemeral_5m_input_tokens=1_000,
                    ephemeral_1h_input_tokens=0,
                    cache_read_input_tokens=2_000,
                ),
            ),
        ),
        expected(
            "14500",
            [
                ("cache_read", "claude-fable-5", 2_000, "2000"),
                ("cache_write_5m", "claude-fable-5", 1_000, "12500"),
            ],
            savings="15500",
        ),
    ),
    # Whoever advises as nobody knows has no price, and so the whole has none.
    "an advisor without a price": (
        paid("claude-haiku-4-5", input=412, iterations=(advisor("claude-oracle-1", input_tokens=823),)),
        expected(None, [], status="unpriced", reasons=["unknown_model"]),
    ),
    # Sampling iterations are inside the top level: 300 x 2 = 600; 30 x 10 = 300.
    "a loop of server tools": (
        paid(
            "claude-sonnet-5",
            input=300,
            output=30,
            iterations=(
                sampling(input_tokens=100, output_tokens=10),
                sampling("claude-sonnet-5", input_tokens=200, output_tokens=20),
            ),
        ),
        expected("900", [("input", "claude-sonnet-5", 300, "600"), ("output", "claude-sonnet-5", 30, "300")]),
    ),
    # The documentation's advisor example: the top level leaves out the second prompt, which is billed.
    # 412 + 1,348 = 1,760 x 1; reads 412 x 0.1 = 41.2 (saves 370.8); 531 x 5 = 2,655.
    "a top level that says less than its parts": (
        paid(
            "claude-haiku-4-5",
            input=412,
            output=531,
            read=0,
            write=0,
            iterations=(
                sampling(input_tokens=412, output_tokens=89),
                sampling(input_tokens=1_348, cache_read_input_tokens=412, output_tokens=442),
            ),
        ),
        expected(
            "4456.2",
            [
                ("input", "claude-haiku-4-5", 1_760, "1760"),
                ("cache_read", "claude-haiku-4-5", 412, "41.2"),
                ("output", "claude-haiku-4-5", 531, "2655"),
            ],
            savings="370.8",
            status="estimated",
            reasons=["iterations"],
        ),
    ),
    # Declined in mid-stream, then served by another: the first model's 299 output tokens at 50 =
    # 14,950 and its 560,000 reads at 1 = 560,000 (saves 5,040,000); the top level tells the second
    # one only: 412 x 5 = 2,060; 264 x 25 = 6,600.
    "a fallback after output": (
        paid(
            "claude-opus-4-8",
            input=412,
            output=264,
            iterations=(
                sampling("claude-fable-5", cache_read_input_tokens=560_000, output_tokens=299),
                Iteration(
                    type="fallback_message", model="claude-opus-4-8", input_tokens=412, output_tokens=264
                ),
            ),
        ),
        expected(
            "583610",
            [
                ("input", "claude-opus-4-8", 412, "2060"),
                ("output", "claude-opus-4-8", 264, "6600"),
                ("cache_read", "claude-fable-5", 560_000, "560000"),
                ("output", "claude-fable-5", 299, "14950"),
            ],
            savings="5040000",
        ),
    ),
    # Declined before any output: that attempt is not charged.
    "a fallback before output": (
        paid(
            "claude-opus-4-8",
            input=412,
            output=264,
            iterations=(
                sampling("claude-fable-5", input_tokens=408, output_tokens=0),
                Iteration(
                    type="fallback_message", model="claude-opus-4-8", input_tokens=412, output_tokens=264
                ),
            ),
        ),
        expected(
            "8660", [("input", "claude-opus-4-8", 412, "2060"), ("output", "claude-opus-4-8", 264, "6600")]
        ),
    ),
    "an iteration of a new type": (
        paid("claude-opus-5", input=100, iterations=(Iteration(type="reviewer_message", input_tokens=9),)),
        expected(
            "500", [("input", "claude-opus-5", 100, "500")], status="estimated", reasons=["unknown_iteration"]
        ),
    ),
    # The advisor in a batch, at half: 1,000 x 5 = 5,000, ordinary 10,000.
    "an advisor in a batch": (
        paid("claude-haiku-4-5", tier="batch", iterations=(advisor("claude-fable-5", input_tokens=1_000),)),
        expected(
            "5000",
            [("input", "claude-fable-5", 1_000, "5000")],
            batch_savings="5000",
            modifiers=["batch"],
        ),
    ),
    # ---- names ----
    "a model after the next": (
        paid("claude-opus-4-10", input=100, output=10),
        expected(None, [], status="unpriced", reasons=["unknown_model"]),
    ),
    "a variant that is no listed model": (
        paid("claude-opus-4-6-fast", input=100, output=10),
        expected(None, [], status="unpriced", reasons=["unknown_model"]),
    ),
    "a successor by name": (
        paid("claude-3-5-haiku-next", input=100),
        expected(None, [], status="unpriced", reasons=["unknown_model"]),
    ),
    "another maker's model": (
        paid("gpt-5", input=100),
        expected(None, [], status="unpriced", reasons=["unknown_model"]),
    ),
    # 100 x 3 = 300.
    "a name with a window": (
        paid("claude-sonnet-4-5-20250929[1m]", input=100),
        expected("300", [("input", "claude-sonnet-4-5", 100, "300")]),
    ),
    "another cloud's name": (
        paid("claude-sonnet-4-5@20250929", input=100),
        expected("300", [("input", "claude-sonnet-4-5@20250929", 100, "300")]),
    ),
    # 100 x 0.8 = 80.
    "the latest of a model": (
        paid("claude-3-5-haiku-latest", input=100),
        expected("80", [("input", "claude-3-5-haiku-latest", 100, "80")]),
    ),
    # 100 x 8 = 800: the table names one price for Claude 2.0 and 2.1.
    "the oldest model of all": (
        paid("claude-2.1", input=100),
        expected("800", [("input", "claude-2.1", 100, "800")]),
    ),
    # The served model's price, never the asked one's.
    "served by a model without a price": (
        paid("claude-new-1", input=100, model_asked="claude-opus-5"),
        expected(None, [], status="unpriced", reasons=["unknown_model"]),
    ),
    # ---- replies that broke off ----
    # 1,000 x 5 = 5,000; 10 characters make 3 tokens at a quarter each, rounded up: 75.
    "the client left in mid-stream": (
        paid("claude-opus-5", input=1_000, output=None, characters={"text": 10}, **broken()),
        expected(
            "5075",
            [("input", "claude-opus-5", 1_000, "5000"), ("output", "claude-opus-5", 3, "75")],
            status="estimated",
            reasons=["aborted"],
            waste="5075",
            cause="client_abort",
        ),
    ),
    # All characters together, then rounded: 7 + 5 + 1 = 13 make 4 tokens.
    "every kind of character counts": (
        paid(
            "claude-opus-5",
            output=None,
            characters={"text": 7, "thinking": 5, "tool_use": 1},
            **broken(outcome=Outcome.UPSTREAM_ABORT),
        ),
        expected(
            "100",
            [("output", "claude-opus-5", 4, "100")],
            status="estimated",
            reasons=["aborted"],
            waste="100",
            cause="stream_error",
        ),
    ),
    # Only the prompt: 1,000 x 5, reads 1,000 x 0.5 = 500 (saves 4,500).
    "left before the first token": (
        paid("claude-opus-5", input=1_000, output=None, read=1_000, **broken()),
        expected(
            "5500",
            [("input", "claude-opus-5", 1_000, "5000"), ("cache_read", "claude-opus-5", 1_000, "500")],
            savings="4500",
            status="estimated",
            reasons=["aborted"],
            waste="5500",
            cause="client_abort",
        ),
    ),
    # The API had said how much it wrote: 1,000 x 5 + 40 x 25 = 6,000.
    "left after the last count": (
        paid(
            "claude-opus-5",
            input=1_000,
            output=40,
            characters={"text": 500},
            **broken(stop_reason="end_turn"),
        ),
        expected(
            "6000",
            [("input", "claude-opus-5", 1_000, "5000"), ("output", "claude-opus-5", 40, "1000")],
            status="estimated",
            reasons=["aborted"],
            waste="6000",
            cause="client_abort",
        ),
    ),
    # An `error` event under status 200: 1,000 x 5; 8 characters make 2 tokens, 50.
    "an error in the stream": (
        paid(
            "claude-opus-5",
            input=1_000,
            output=None,
            characters={"text": 8},
            **broken(outcome=Outcome.STREAM_ERROR, error=CallError(type="overloaded_error")),
        ),
        expected(
            "5050",
            [("input", "claude-opus-5", 1_000, "5000"), ("output", "claude-opus-5", 2, "50")],
            status="estimated",
            reasons=["stream_error"],
            waste="5050",
            cause="stream_error",
        ),
    ),
    # The second attempt failed as well, after spending.
    "a retry that failed": (
        paid(
            "claude-opus-5",
            input=1_000,
            output=None,
            **broken(outcome=Outcome.TIMEOUT, attempt=1),
        ),
        expected(
            "5000",
            [("input", "claude-opus-5", 1_000, "5000")],
            status="estimated",
            reasons=["aborted"],
            waste="5000",
            cause="retry",
        ),
    ),
    # Nobody said how long the prompt was, so nothing of it is on the bill, and the bill says so.
    "left before message_start": (
        paid("claude-opus-5", **broken(usage=None, model_served=None)),
        expected("0", [], status="estimated", reasons=["aborted", "input_unknown"]),
    ),
    "left before message_start, no price": (
        paid("claude-opus-9", **broken(usage=None, model_served=None)),
        expected(None, [], status="unpriced", reasons=["unknown_model"]),
    ),
    # The API charges for no error.
    "refused by a rate limit": (
        paid(
            "claude-opus-5",
            usage=None,
            model_served=None,
            outcome=Outcome.API_ERROR,
            status=429,
            error=CallError(type="rate_limit_error"),
        ),
        expected("0", []),
    ),
    "a model that does not exist": (
        paid("claude-opus-9", usage=None, model_served=None, outcome=Outcome.API_ERROR, status=404),
        expected("0", []),
    ),
    "no upstream to be had": (
        paid(
            "claude-opus-5",
            usage=None,
            model_served=None,
            outcome=Outcome.PROXY_ERROR,
            status=502,
            error=CallError(type="upstream_unreachable"),
        ),
        expected("0", []),
    ),
    "counting tokens is free": (
        paid("claude-opus-5", usage=None, model_served=None, endpoint="/v1/messages/count_tokens"),
        expected("0", []),
    ),
    # Parts went by unseen while the observer was away: 1,000 x 5.
    "joined under way": (
        paid("claude-opus-5", input=1_000, resumed=True),
        expected(
            "5000", [("input", "claude-opus-5", 1_000, "5000")], status="estimated", reasons=["resumed"]
        ),
    ),
    # 1,000 x 5 + 100 x 25 = 7,500: the reply was cut off by max_tokens.
    "a truncated reply": (
        paid("claude-opus-5", input=1_000, output=100, stop_reason="max_tokens"),
        expected(
            "7500",
            [("input", "claude-opus-5", 1_000, "5000"), ("output", "claude-opus-5", 100, "2500")],
            waste="7500",
            cause="truncated",
        ),
    ),
    # Some refusals before any output are not charged, by category; which one this is, is not known.
    "a refusal before any output": (
        paid("claude-fable-5", input=412, stop_reason="refusal"),
        expected("4120", [("input", "claude-fable-5", 412, "4120")], status="estimated", reasons=["refusal"]),
    ),
    # ---- subscription ----
    "a subscription": (
        paid("claude-opus-5", input=1_000, output=100, subscription=True),
        expected(
            "7500",
            [("input", "claude-opus-5", 1_000, "5000"), ("output", "claude-opus-5", 100, "2500")],
            subscription=True,
        ),
    ),
    # ---- what the reply left out, the request says ----
    # Asked for fast, the reply says nothing: 1,000 x 10.
    "speed asked and not told": (
        paid("claude-opus-5", input=1_000, request=RequestFacts(speed="fast")),
        expected(
            "10000",
            [("input", "claude-opus-5", 1_000, "10000")],
            status="estimated",
            reasons=["speed_assumed"],
            modifiers=["fast"],
        ),
    ),
    "region asked and not told": (
        paid("claude-opus-5", input=1_000, request=RequestFacts(inference_geo="us")),
        expected(
            "5500",
            [("input", "claude-opus-5", 1_000, "5500")],
            status="estimated",
            reasons=["geo_assumed"],
            modifiers=["geo_us"],
        ),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_bill_is_what_was_worked_out_by_hand(name: str) -> None:
    call, bill = TABLE[name]
    assert told(price(call, book())) == bill


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 40


def test_every_bill_names_its_price_table() -> None:
    named = {
        (bill.price_table, bill.price_date) for bill in (price(call, book()) for call, _ in TABLE.values())
    }
    assert named == {(book().fingerprint, book().date)}
