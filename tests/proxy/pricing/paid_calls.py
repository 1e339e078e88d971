"""Calls that cost something, made by hand, and the book they are priced with."""

from __future__ import annotations

import functools
from typing import Any

from tests.support.calls import make_call

from tokentape.proxy.messages.call import Call, Iteration, RequestFacts, Usage
from tokentape.proxy.messages.models import model_label
from tokentape.proxy.messages.usage import cache_writes
from tokentape.proxy.pricing.book import PriceBook, open_book

NOVEMBER = 1_795_184_000.0
"""2026-11-20."""
SEPTEMBER = 1_790_000_000.0
"""2026-09-21: before the price table lists batch prices."""
FEBRUARY = 1_770_000_000.0
"""2026-02-02: while Opus 4.6 and Sonnet 4.6 had a dearer price beyond 200,000 tokens."""


@functools.cache
def book() -> PriceBook:
    """The bundled price table, without overrides."""
    return open_book()


def paid(
    model: str | None,
    *,
    input: int | None = 0,  # noqa: A002 - the API's word
    output: int | None = 0,
    read: int | None = None,
    write: int | None = None,
    w5m: int | None = None,
    w1h: int | None = None,
    searches: int | None = None,
    tier: str | None = None,
    geo: str | None = None,
    speed: str | None = None,
    iterations: tuple[Iteration, ...] = (),
    ttls: tuple[str, ...] = (),
    at: float = NOVEMBER,
    **changes: Any,
) -> Call:
    """A call that `model` served, with this usage; `write` defaults to the sum of the split."""
    if write is None and (w5m is not None or w1h is not None):
        write = (w5m or 0) + (w1h or 0)
    usage = Usage(
        input_tokens=input,
        output_tokens=output,
        cache_read_input_tokens=read,
        cache_creation_input_tokens=write,
        ephemeral_5m_input_tokens=w5m,
        ephemeral_1h_input_tokens=w1h,
        web_search_requests=searches,
        service_tier=tier,
        inference_geo=geo,
        speed=speed,
        iterations=iterations,
    )
    fields: dict[str, Any] = {
        "model": model_label(model),
        "model_asked": model,
        "model_served": model,
        "usage": usage,
        "cache_writes": cache_writes(usage, ttls),
        "request": RequestFacts(model=model, cache_ttls=ttls),
        "started_at": at,
        "ended_at": at + 2,
    }
    return make_call(**(fields | changes))
