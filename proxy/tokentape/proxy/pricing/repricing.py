"""Repricing: the same tokens at another model's price, for `--what-if`.

Counts are taken as they are. Another model would write another number of tokens, and newer tokenizers
count the same text differently, so the answer is a comparison of prices and no forecast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tokentape.proxy.pricing.price import UnpricedError, cost_of, price

if TYPE_CHECKING:
    from decimal import Decimal

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.pricing.book import PriceBook
    from tokentape.proxy.pricing.portions import Counts
    from tokentape.proxy.pricing.rates import Rates


def reprice(call: Call, model: str, book: PriceBook) -> Bill:
    """The bill of a call, had `model` served it. Advisors and declined attempts keep their own models.

    Region, tier and speed stay: a region that the model does not have costs nothing more, and a speed
    that it has no price for makes the bill `estimated`.
    """
    served = call.model_served or call.model_asked
    usage = call.usage
    if usage is not None and usage.iterations:
        iterations = tuple(
            msgspec.structs.replace(entry, model=None)
            if entry.type != "advisor_message" and entry.model == served
            else entry
            for entry in usage.iterations
        )
        usage = msgspec.structs.replace(usage, iterations=iterations)
    return price(msgspec.structs.replace(call, model_asked=model, model_served=model, usage=usage), book)


def reprice_counts(counts: Counts, rates: Rates, *, prompt: int) -> Decimal | None:
    """What these quantities cost at rates of another model; `None` where one of them is not known.

    `counts` may be the sum of many calls that share a day and circumstances, as long as their prompts
    lie on one side of the model's cliffs; `prompt` is the length of any of them.
    """
    try:
        return cost_of(counts, rates.of(prompt))
    except UnpricedError:
        return None
