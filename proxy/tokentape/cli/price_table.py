"""Which price table is in use: the newest that was fetched, else the one that genai-prices comes with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from platformdirs import user_data_path

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.proxy.pricing.book import PriceBook
    from tokentape.proxy.pricing.overrides import PriceOverrides

FILE_NAME: Final = "prices.json"


def price_file() -> Path:
    """Where `tokentape prices update` keeps the table: beside the ledger, in the platform's folder."""
    return user_data_path("tokentape") / FILE_NAME


def open_prices(overrides: PriceOverrides) -> PriceBook:
    """The book that every command prices with. No network; imports genai-prices, which is heavy."""
    from tokentape.proxy.pricing.book import open_book
    from tokentape.proxy.pricing.snapshot import read_snapshot

    return open_book(overrides, read_snapshot(price_file()))
