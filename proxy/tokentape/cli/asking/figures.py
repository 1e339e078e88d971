"""Figures as people read them, and as a spreadsheet does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

NOTHING: Final = ""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def usd(amount: Decimal | None) -> str:
    """Dollars to a hundredth of a cent."""
    return NOTHING if amount is None else f"{amount:,.4f}"


def share(value: float | None) -> str:
    """A share from 0 to 1 as per cent; empty where it is 0 or not known."""
    return f"{value:.1%}" if value else NOTHING


def ratio(value: float | None) -> str:
    """A share from 0 to 1 as per cent; empty where it is not known."""
    return NOTHING if value is None else f"{value:.1%}"


def exact(amount: Decimal | None) -> str:
    """All digits, without an exponent."""
    return NOTHING if amount is None else f"{amount:f}"


def cell(value: object) -> str:
    """A text that no spreadsheet takes for a formula: labels and model names come from outside."""
    text = NOTHING if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
