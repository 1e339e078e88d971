"""The user's own prices and discounts."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.pricing.paid_calls import paid

from tokentape.proxy.pricing.bill import LineKind, Status
from tokentape.proxy.pricing.book import open_book
from tokentape.proxy.pricing.overrides import (
    NO_OVERRIDES,
    PriceConfigError,
    PriceOverrides,
    parse_overrides,
)
from tokentape.proxy.pricing.price import price

EXAMPLE = """
discount = 10
[discounts]
"claude-opus-*" = 15.5
[models."claude-sonnet-5"]
input = 1.8
web_search = 10
"""


def test_a_file_is_read_as_it_says() -> None:
    assert parse_overrides(tomllib.loads(EXAMPLE)) == PriceOverrides(
        discount=Decimal(10),
        discounts={"claude-opus-*": Decimal("15.5")},
        models={"claude-sonnet-5": {LineKind.INPUT: Decimal("1.8"), LineKind.WEB_SEARCH: Decimal(10)}},
    )


def test_an_empty_file_changes_nothing() -> None:
    assert parse_overrides({}) == NO_OVERRIDES


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"discont": 1}, "Unknown key 'discont' in prices: known are discount, discounts, models."),
        ({"discount": 101}, "discount must be a percentage from 0 to 100, not 101."),
        ({"discount": True}, "discount must be a percentage from 0 to 100, not True."),
        ({"discount": float("nan")}, "discount must be a percentage from 0 to 100, not nan."),
        ({"discounts": 5}, "discounts must be a table, not 5."),
        ({"discounts": {"a*": -1}}, 'discounts."a*" must be a percentage from 0 to 100, not -1.'),
        ({"models": {"m": 3}}, 'models."m" must be a table of prices, such as input = 3.0.'),
        ({"models": {"m": {}}}, 'models."m" must be a table of prices, such as input = 3.0.'),
        (
            {"models": {"m": {"inputs": 3}}},
            (
                "Unknown key 'inputs' in models.\"m\": known are input, cache_read, cache_write_5m, "
                "cache_write_1h, output, web_search."
            ),
        ),
        (
            {"models": {"m": {"input": "cheap"}}},
            "models.\"m\".input must be USD from 0 to 1,000,000, not 'cheap'.",
        ),
        (
            {"models": {"m": {"input": 1e9}}},
            'models."m".input must be USD from 0 to 1,000,000, not 1000000000.0.',
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PriceConfigError) as refused:
        parse_overrides(config)
    assert str(refused.value) == sentence


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["discount", "discounts", "models", "x"]), JSON))
def test_any_configuration_is_read_or_refused(config: dict[str, Any]) -> None:
    try:
        overrides = parse_overrides(config)
    except PriceConfigError:
        return
    assert 0 <= overrides.discount <= 100


def total(config: dict[str, Any], model: str, **usage: Any) -> Decimal | None:
    """In micro-dollars."""
    bill = price(paid(model, **usage), open_book(parse_overrides(config)))
    return None if bill.total is None else bill.total.scaleb(6)


def test_a_discount_comes_off_everything() -> None:
    # (1,000 x 2 + 10,000) less a quarter.
    assert total({"discount": 25}, "claude-sonnet-5", input=1_000, searches=1) == Decimal(9_000)


def test_the_longest_pattern_wins_over_the_general_discount() -> None:
    config = {"discount": 10, "discounts": {"claude-*": 20, "claude-opus-*": 50, "*": 90}}
    assert total(config, "claude-opus-5-20260701", input=1_000) == Decimal(2_500)
    assert total(config, "claude-sonnet-5", input=1_000) == Decimal(1_600)


def test_a_discounted_bill_says_so() -> None:
    bill = price(paid("claude-opus-5", input=1), open_book(parse_overrides({"discount": 5})))
    assert (bill.status, bill.modifiers) == (Status.EXACT, ("discount",))


def test_own_prices_replace_those_that_they_name() -> None:
    config = {"models": {"claude-sonnet-5": {"input": 1.8}}}
    # 1,000 x 1.8 + 100 x 10.
    assert total(config, "claude-sonnet-5-20260901", input=1_000, output=100) == Decimal(2_800)


def test_own_prices_hold_under_every_name_of_the_model() -> None:
    config = {"models": {"claude-opus-4-0": {"input": 10}}}
    assert total(config, "claude-opus-4-20250514", input=1_000) == Decimal(10_000)


def test_own_prices_are_multiplied_as_list_prices_are() -> None:
    config = {"discount": 10, "models": {"claude-opus-5": {"input": 3}, "claude-opus-4-6": {"input": 3}}}
    circumstances: dict[str, Any] = {"tier": "batch", "geo": "us", "speed": "fast"}
    # 1,000 x 3, fast x2, batch half, region x1.1, less a tenth.
    assert total(config, "claude-opus-5", input=1_000, **circumstances) == Decimal(2970)
    # The same, fast x6.
    assert total(config, "claude-opus-4-6", input=1_000, **circumstances) == Decimal(8910)


def test_own_prices_hold_for_prompts_of_any_length() -> None:
    config = {"models": {"claude-haiku-5-5": {"input": 0.08}}}
    # 200,000 x 0.08; output keeps its cliff: 1,000 x 2.5.
    assert total(config, "claude-haiku-5-5", input=200_000, output=1_000) == Decimal(18_500)


def test_a_model_of_ones_own_has_the_prices_that_it_is_given_and_no_others() -> None:
    config = {"models": {"My-Model": {"input": 1, "output": 2}}}
    assert total(config, "my-model", input=1_000, output=10) == Decimal(1_020)
    assert total(config, "my-model", input=1_000, tier="batch") == Decimal(500)
    bill = price(paid("my-model", read=10), open_book(parse_overrides(config)))
    assert (bill.status, bill.total, bill.reasons) == (Status.UNPRICED, None, ("unknown_rate",))


def test_long_fractions_stay_exact() -> None:
    config = {"discount": 33.333333333, "models": {"m": {"input": 0.123456789012}}}
    assert total(config, "m", input=999_999_999) == (
        Decimal(999_999_999) * Decimal("0.123456789012") * Decimal("0.66666666667")
    )
