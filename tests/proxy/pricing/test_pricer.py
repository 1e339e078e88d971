"""The pricer: a book that is opened beside the work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.proxy.pricing.paid_calls import book, paid

from tokentape.proxy.pricing.price import price
from tokentape.proxy.pricing.pricer import Pricer

if TYPE_CHECKING:
    from tokentape.proxy.pricing.book import PriceBook

CALL = paid("claude-opus-5", input=1000, output=100)


def test_the_first_call_waits_for_the_book() -> None:
    go_on = threading.Event()

    def opening() -> PriceBook:
        go_on.wait()
        return book()

    pricer = Pricer(opening)
    pricer.start()
    assert pricer.book is None
    threading.Timer(0.01, go_on.set).start()
    assert pricer(CALL) == price(CALL, book())
    assert pricer.book is book()


def test_a_book_that_cannot_be_opened_fails_at_every_call_and_says_why() -> None:
    def opening() -> PriceBook:
        raise LookupError("no table")

    pricer = Pricer(opening)
    pricer.start()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="could not be opened") as caught:
            pricer(CALL)
        assert isinstance(caught.value.__cause__, LookupError)
