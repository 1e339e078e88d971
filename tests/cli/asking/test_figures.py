"""Figures as people read them, and as a spreadsheet does."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.cli.asking.figures import cell, exact, ratio, share, usd


@given(st.text())
def test_no_text_is_taken_for_a_formula_and_none_is_changed_beyond_that(text: str) -> None:
    """https://owasp.org/www-community/attacks/CSV_Injection"""
    made = cell(text)
    assert made in {text, f"'{text}"}
    assert not made.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_an_exact_amount_has_every_digit_and_no_exponent(amount: Decimal) -> None:
    assert (Decimal(exact(amount)), "E" in exact(amount)) == (amount, False)


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (usd(Decimal("1234.56785")), "1,234.5678"),
        (usd(Decimal(0)), "0.0000"),
        (usd(None), ""),
        (share(0.125), "12.5%"),
        (share(0.0), ""),
        (share(None), ""),
        (ratio(0.0), "0.0%"),
        (ratio(None), ""),
        (exact(None), ""),
        (cell(None), ""),
        (cell(3), "3"),
    ],
)
def test_figures_for_people(made: str, shown: str) -> None:
    assert made == shown
