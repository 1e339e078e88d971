"""Money as integers: pico-dollars, 10^12 to the USD.

A token of the cheapest model costs 30,000 pico as a cache read, so every list price, halved for
batches and multiplied for regions, is whole; a total is exact to 10^-12 USD at worst. An SQLite
integer holds up to 9.2 million USD: rows and rollups are far below, and sums over them are taken in
two parts (`queries`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

PICO: Final = 10**12
_PICO = Decimal(PICO)


def pico(amount: Decimal) -> int:
    """Whole pico-dollars, rounded half to even below that."""
    return int((amount * _PICO).to_integral_value()) if amount else 0


def usd(amount: int) -> Decimal:
    """USD of whole pico-dollars, exact, without trailing zeros beyond the cent."""
    return Decimal(amount) / _PICO
