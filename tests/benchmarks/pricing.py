"""What a bill costs by itself: microseconds a call, and what opening the price book takes.

Run `python -m tests.benchmarks.pricing`. Half of many short batches took no longer than the p50 shown,
none was shorter than the best; bills are checked against genai-prices before they are timed.
"""

from __future__ import annotations

import statistics
import time
import timeit
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import psutil
from tests.proxy.pricing.paid_calls import NOVEMBER, paid

from tokentape.proxy.messages.call import Iteration
from tokentape.proxy.pricing.book import open_book
from tokentape.proxy.pricing.price import price
from tokentape.proxy.pricing.rates import Circumstances

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.book import PriceBook

BATCHES = 400
CALLS_A_BATCH = 100

PLAIN = paid("claude-opus-5", input=2_000, output=500, tier="standard", geo="global")
CASES: dict[str, Call] = {
    "input and output": PLAIN,
    "with cache": paid("claude-opus-5", input=20, output=500, read=40_000, w5m=300, w1h=0, tier="standard"),
    "with a cliff": paid("claude-haiku-5-5", input=120_000, output=500, read=40_000, tier="standard"),
    "batch in the US": paid("claude-opus-5", input=2_000, output=500, tier="batch", geo="us"),
    "with compaction and advisor": paid(
        "claude-opus-5",
        input=2_000,
        output=500,
        iterations=(
            Iteration(type="compaction", input_tokens=50_000, output_tokens=900),
            Iteration(type="advisor_message", model="claude-fable-5", input_tokens=800, output_tokens=700),
            Iteration(type="message", input_tokens=2_000, output_tokens=500),
        ),
    ),
    "without a price": paid("claude-opus-4-10", input=2_000, output=500),
}


def check(book: PriceBook) -> None:
    """The bill is what genai-prices makes of it.

    Raises:
        RuntimeError: where it is not.
    """
    from genai_prices import Usage, calc_price

    oracle = calc_price(
        Usage(input_tokens=2_000, output_tokens=500),
        "claude-opus-5",
        provider_id="anthropic",
        genai_request_timestamp=datetime.fromtimestamp(NOVEMBER, UTC),
    )
    if price(PLAIN, book).total != oracle.total_price:
        raise RuntimeError("The bill is wrong.")


def microseconds(book: PriceBook, call: Call) -> tuple[float, float]:
    """p50 and best of the batches, per call."""
    price(call, book)
    took = timeit.repeat(partial(price, call, book), number=CALLS_A_BATCH, repeat=BATCHES)
    p50, best = (seconds / CALLS_A_BATCH * 1e6 for seconds in (statistics.median(took), min(took)))
    return p50, best


def main() -> None:
    """Print the figures."""
    process = psutil.Process()
    before, started = process.memory_info().rss, time.process_time()
    book = open_book()
    took, grown = time.process_time() - started, process.memory_info().rss - before
    check(book)
    print(f"opening the book             {took * 1e3:8.0f} ms CPU   {grown / 1e6:.0f} MB resident")
    for name, call in CASES.items():
        p50, best = microseconds(book, call)
        print(f"{name:28} {p50:8.1f} us p50   {best:8.1f} us best")
    started = time.process_time()
    for day in range(100):
        book.rates("claude-opus-5-5", NOVEMBER - 86_400 * day, Circumstances(us=True))
    print(f"rates never asked for before {(time.process_time() - started) * 1e4:8.1f} us each")


if __name__ == "__main__":
    main()
