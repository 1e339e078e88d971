"""The bill of a call: every kind at its model's rate, exactly.

A price that is not known makes the whole bill `unpriced`: a total that leaves out a part would be
wrong without saying so, and is worse than none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.messages.models import model_label
from tokentape.proxy.pricing.account import read_account
from tokentape.proxy.pricing.bill import Bill, LineItem, LineKind, Status
from tokentape.proxy.pricing.rates import EXACT, KINDS, ORDINARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.book import PriceBook
    from tokentape.proxy.pricing.portions import Account, Counts, Portion
    from tokentape.proxy.pricing.rates import Circumstances, Prices, Rates

NOTHING: Final = Decimal(0)


class UnpricedError(Exception):
    """No price is known; the message is the bill's reason."""


def price(call: Call, book: PriceBook) -> Bill:
    """The bill of a finished call. Pure; raises nothing for what a call may say."""
    try:
        return _bill(call, read_account(call), book)
    except UnpricedError as unknown:
        return Bill(
            status=Status.UNPRICED,
            total=None,
            reasons=(str(unknown),),
            subscription=call.subscription,
            price_table=book.fingerprint,
            price_date=book.date,
        )


def _bill(call: Call, account: Account, book: PriceBook) -> Bill:
    portions, circumstances, reasons = account
    at = call.started_at
    priced = [(portion, _rates(portion, at, circumstances, book)) for portion in portions]
    items: list[LineItem] = []
    total = savings = NOTHING
    for portion, rates in priced:
        total = EXACT.add(total, _bill_portion(portion, rates, items))
        savings = EXACT.add(savings, _savings(portion, rates))
    modifiers = _modifiers(priced, circumstances, reasons) if priced else ()
    cause = _waste_cause(call) if total else None
    return Bill(
        status=Status.ESTIMATED if reasons else Status.EXACT,
        total=total,
        items=tuple(items if len(priced) <= 1 else _merged(items)),
        reasons=tuple(dict.fromkeys(reasons)),
        modifiers=modifiers,
        savings=savings,
        batch_savings=_batch_savings(priced, at, circumstances, book) if circumstances.batch else NOTHING,
        waste=total if cause else NOTHING,
        waste_cause=cause,
        subscription=call.subscription,
        price_table=book.fingerprint,
        price_date=book.date,
    )


def _rates(portion: Portion, at: float, circumstances: Circumstances, book: PriceBook) -> Rates:
    rates = book.rates(portion.model, at, circumstances) if portion.model is not None else None
    if rates is None:
        raise UnpricedError("unknown_model")
    return rates


def _bill_portion(portion: Portion, rates: Rates, items: list[LineItem]) -> Decimal:
    """Append the lines of a portion; what they add up to."""
    counts = portion.counts
    label = model_label(portion.model)
    total = NOTHING
    for kind, quantity, rate in zip(KINDS, counts, rates.of(counts.prompt), strict=True):
        if quantity:
            usd = _cost(quantity, rate)
            total = EXACT.add(total, usd)
            items.append(LineItem(kind=kind, model=label, quantity=quantity, usd=usd))
    return total


def _cost(quantity: int, rate: Decimal | None) -> Decimal:
    if rate is None:
        raise UnpricedError("unknown_rate")
    return EXACT.multiply(quantity, rate)


def _merged(items: Sequence[LineItem]) -> list[LineItem]:
    """One line for a kind and a model, so that kinds stay disjoint."""
    lines: dict[tuple[LineKind, str], LineItem] = {}
    for item in items:
        key = item.kind, item.model
        line = lines.get(key)
        lines[key] = (
            item
            if line is None
            else LineItem(
                kind=item.kind,
                model=item.model,
                quantity=line.quantity + item.quantity,
                usd=EXACT.add(line.usd, item.usd),
            )
        )
    return list(lines.values())


def _savings(portion: Portion, rates: Rates) -> Decimal:
    """What the prompt would have cost without a cache, less what it cost."""
    counts = portion.counts
    if not (counts.cache_read or counts.cache_write_5m or counts.cache_write_1h):
        return NOTHING
    rate = rates.of(counts.prompt)
    saved = _cost(counts.prompt - counts.input, rate.input)
    for quantity, cached in zip(counts[1:4], rate[1:4], strict=True):
        if quantity:
            saved = EXACT.subtract(saved, _cost(quantity, cached))
    return saved


def _batch_savings(
    priced: Sequence[tuple[Portion, Rates]], at: float, circumstances: Circumstances, book: PriceBook
) -> Decimal:
    """The ordinary price less the batch price."""
    ordinary = circumstances._replace(batch=False)
    saved = NOTHING
    for portion, rates in priced:
        counts = portion.counts
        dearer = _rates(portion, at, ordinary, book).of(counts.prompt)
        saved = EXACT.add(
            saved, EXACT.subtract(_tokens(counts, dearer), _tokens(counts, rates.of(counts.prompt)))
        )
    return saved


def _tokens(counts: Counts, prices: Prices) -> Decimal:
    """The cost of all tokens, searches left out."""
    return cost_of(counts._replace(web_search=0), prices)


def cost_of(counts: Counts, prices: Prices) -> Decimal:
    """The cost of quantities at these prices, in USD.

    Raises:
        UnpricedError: where a price is not known.
    """
    total = NOTHING
    for quantity, rate in zip(counts, prices, strict=True):
        if quantity:
            total = EXACT.add(total, _cost(quantity, rate))
    return total


def _modifiers(
    priced: Sequence[tuple[Portion, Rates]], circumstances: Circumstances, reasons: list[str]
) -> tuple[str, ...]:
    """What changed the ordinary list price. Notes in `reasons` where that is not certain."""
    names = [] if circumstances == ORDINARY else _of_circumstances(priced, circumstances, reasons)
    long = discount = False
    for portion, rates in priced:
        if rates.tiers and _is_long(portion, rates, reasons):
            long = True
        discount = discount or rates.discount
    if long:
        names.append("long_context")
    if discount:
        names.append("discount")
    return tuple(names)


def _of_circumstances(
    priced: Sequence[tuple[Portion, Rates]], circumstances: Circumstances, reasons: list[str]
) -> list[str]:
    names: list[str] = []
    if circumstances.batch:
        names.append("batch")
    if circumstances.fast:
        if any(rates.fast for _, rates in priced):
            names.append("fast")
        if not all(rates.fast for _, rates in priced):
            reasons.append("unknown_speed")
    if any(rates.us for _, rates in priced):
        names.append("geo_us")
    return names


def _is_long(portion: Portion, rates: Rates, reasons: list[str]) -> bool:
    over = rates.tiers[0].over
    if portion.counts.prompt <= over:
        return False
    if portion.longest is not None and portion.longest <= over:
        # Several prompts, none of them long: whether their sum counts as one is documented nowhere.
        reasons.append("long_context")
    return True


def _waste_cause(call: Call) -> str | None:
    """Why all of a reply bought nothing; `None` where it did not."""
    if call.outcome is Outcome.CLIENT_ABORT:
        return "client_abort"
    if call.outcome is not Outcome.OK:
        return "retry" if call.attempt else "stream_error"
    return "truncated" if call.stop_reason == "max_tokens" else None
