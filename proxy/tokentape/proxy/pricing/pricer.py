"""The pricer: a book that is opened beside the work, since that takes half a second of processor time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.pricing.book import PriceBook


class Pricer:
    """Prices calls; the first one waits until the book is open."""

    def __init__(self, opening: Callable[[], PriceBook]) -> None:
        """Price by the book that `opening` makes, in a thread of its own."""
        self._opening = opening
        self._opened = threading.Event()
        self._book: PriceBook | None = None
        self._error: Exception | None = None

    def start(self) -> None:
        """Begin to open the book."""
        threading.Thread(target=self._open, name="tokentape-prices", daemon=True).start()

    def __call__(self, call: Call) -> Bill:
        """The bill of a call.

        Raises:
            Exception: whatever opening the book raised.
        """
        if self._book is None:
            self._opened.wait()
            if self._book is None:
                raise RuntimeError("The price book could not be opened.") from self._error
        return price(call, self._book)

    @property
    def book(self) -> PriceBook | None:
        """The book, once it is open. Any thread."""
        return self._book

    def _open(self) -> None:
        try:
            self._book = self._opening()
        except Exception as error:  # noqa: BLE001 - a table of another shape fails in any way: calls go on
            self._error = error
        finally:
            self._opened.set()
