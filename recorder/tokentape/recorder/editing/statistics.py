"""What is in cassettes, in figures."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.tolerant import is_array, is_object
from tokentape.proxy.pricing.rates import EXACT
from tokentape.recorder.editing.calls import billed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.pricing.book import PriceBook
    from tokentape.recorder.cassette.interaction import Interaction


class Row(msgspec.Struct, kw_only=True):
    """Calls to one endpoint with one model; a batch's results are a row of their own."""

    endpoint: str
    model: str
    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal = Decimal(0)
    """Of the calls that have a price."""
    unpriced: int = 0
    """Calls with tokens and without a price."""


class Repetition(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the request text comes again and again, as prefixes do in a conversation."""

    request_bytes: int
    distinct_bytes: int
    """Each tool, system block and message counted once."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The figures."""

    interactions: int
    rows: tuple[Row, ...]
    repetition: Repetition
    response_bytes: int


def statistics(interactions: Sequence[Interaction], book: PriceBook, now: float) -> Statistics:
    """The figures of these interactions; `now` as in `understood`."""
    rows: dict[tuple[str, str], Row] = {}
    for _, call, bill in billed(interactions, book, now):
        endpoint = "batch result" if call.result else call.endpoint
        row = rows.setdefault((endpoint, call.model), Row(endpoint=endpoint, model=call.model))
        _add(row, call, bill)
    ordered = sorted(rows.values(), key=lambda row: (-row.usd, -row.calls, row.endpoint, row.model))
    return Statistics(
        interactions=len(interactions),
        rows=tuple(ordered),
        repetition=repetition(interactions),
        response_bytes=sum(len(one.response.body) for one in interactions),
    )


def repetition(interactions: Iterable[Interaction]) -> Repetition:
    """How much of the requests is the same as in others."""
    sizes: dict[bytes, int] = {}
    whole = 0
    for interaction in interactions:
        for part in _parts(interaction.request.body):
            whole += len(part)
            sizes[sha256(part).digest()] = len(part)
    return Repetition(request_bytes=whole, distinct_bytes=sum(sizes.values()))


def _add(row: Row, call: Call, bill: Bill) -> None:
    row.calls += 1
    row.errors += call.outcome != "ok"
    usage = call.usage
    if usage is None:
        return
    row.input_tokens += usage.input_tokens or 0
    row.cache_read_tokens += usage.cache_read_input_tokens or 0
    row.cache_write_tokens += call.cache_writes.tokens_5m + call.cache_writes.tokens_1h
    row.output_tokens += usage.output_tokens or 0
    if bill.total is None:
        row.unpriced += 1
    else:
        row.usd = EXACT.add(row.usd, bill.total)


def _parts(body: bytes) -> Iterator[bytes]:
    """The parts of a request that others may share, as JSON; all of it where it has none."""
    document = tolerant.parse(body)
    if not is_object(document):
        yield body
        return
    rest: dict[str, Any] = {}
    for key, value in document.items():
        if key in {"tools", "system", "messages"} and is_array(value):
            yield from (msgspec.json.encode(one) for one in value)
        elif key == "system":
            yield msgspec.json.encode(value)
        else:
            rest[key] = value
    yield msgspec.json.encode(rest)
