"""The same calls at another model's price."""

from __future__ import annotations

from decimal import Decimal

from tests.proxy.pricing.paid_calls import NOVEMBER, book, paid

from tokentape.proxy.messages.call import Iteration
from tokentape.proxy.pricing.bill import Status
from tokentape.proxy.pricing.portions import Counts
from tokentape.proxy.pricing.price import price
from tokentape.proxy.pricing.rates import ORDINARY, Circumstances
from tokentape.proxy.pricing.repricing import reprice, reprice_counts

CALL = paid("claude-opus-5", input=1_000, output=100, read=5_000, w5m=200, w1h=100, searches=1)


def test_the_bill_is_that_of_the_same_call_from_another_model() -> None:
    other = paid("claude-haiku-4-5", input=1_000, output=100, read=5_000, w5m=200, w1h=100, searches=1)
    assert reprice(CALL, "claude-haiku-4-5", book()) == price(other, book())


def test_the_same_model_changes_nothing() -> None:
    assert reprice(CALL, "claude-opus-5", book()) == price(CALL, book())


def test_a_model_without_a_price_gives_none() -> None:
    assert reprice(CALL, "claude-opus-9", book()).status is Status.UNPRICED


def test_advisors_keep_their_price_and_compaction_follows() -> None:
    iterations = (
        Iteration(type="compaction", input_tokens=1_000),
        Iteration(type="compaction", model="claude-opus-5", input_tokens=1_000),
        Iteration(type="advisor_message", model="claude-opus-5", input_tokens=1_000),
    )
    bill = reprice(paid("claude-opus-5", iterations=iterations), "claude-haiku-4-5", book())
    assert [(item.model, item.quantity, item.usd) for item in bill.items] == [
        ("claude-haiku-4-5", 2_000, Decimal("0.002")),
        ("claude-opus-5", 1_000, Decimal("0.005")),
    ]


def test_a_region_that_the_model_lacks_costs_nothing_more() -> None:
    call = paid("claude-opus-5", input=1_000, geo="us")
    assert reprice(call, "claude-haiku-4-5", book()).total == Decimal("0.001")


def test_a_speed_that_the_model_lacks_is_said() -> None:
    bill = reprice(paid("claude-opus-5", input=1_000, speed="fast"), "claude-haiku-4-5", book())
    assert (bill.status, bill.reasons, bill.total) == (Status.ESTIMATED, ("unknown_speed",), Decimal("0.001"))


def test_sums_of_counts_cost_what_the_calls_cost() -> None:
    counts = Counts(1_000, 5_000, 200, 100, 100, 1)
    bill = reprice(CALL, "claude-sonnet-5", book())
    assert bill.total is not None
    rates = book().rates("claude-sonnet-5", NOVEMBER, ORDINARY)
    assert rates is not None
    tenfold = Counts(*(10 * count for count in counts))
    assert reprice_counts(tenfold, rates, prompt=counts.prompt) == 10 * bill.total


def test_the_length_of_a_prompt_decides_the_side_of_the_cliff() -> None:
    rates = book().rates("claude-haiku-5-5", NOVEMBER, Circumstances(batch=True))
    assert rates is not None
    prices = [reprice_counts(Counts(input=1_000_000), rates, prompt=prompt) for prompt in (100_000, 100_001)]
    assert prices == [Decimal("0.05"), Decimal("0.25")]


def test_a_kind_without_a_price_gives_none() -> None:
    rates = book().rates("claude-2.1", NOVEMBER)
    assert rates is not None
    assert reprice_counts(Counts(cache_read=1), rates, prompt=1) is None
