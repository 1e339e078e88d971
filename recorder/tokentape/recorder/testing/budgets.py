"""What a test may cost when it is recorded: the marker's `max_usd`, `max_calls` and `max_tokens`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.recorder.testing.calls import calls_of, total_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokentape.recorder.testing.exchange import Exchange
    from tokentape.recorder.testing.settings import Settings


def exceeded(exchanges: Iterable[Exchange], settings: Settings) -> Iterator[str]:
    """The budgets that a test broke, each as a sentence. Recorded replies count as if they were live."""
    if settings.max_usd is settings.max_calls is settings.max_tokens is None:
        return
    calls = calls_of(exchanges)
    if settings.max_calls is not None and len(calls) > settings.max_calls:
        yield f"The test made {len(calls)} calls, more than max_calls={settings.max_calls}."
    total = total_of(calls)
    if settings.max_tokens is not None and total.tokens > settings.max_tokens:
        yield f"The test took {total.tokens:,} tokens, more than max_tokens={settings.max_tokens:,}."
    if settings.max_usd is None:
        return
    if total.unpriced:
        models = ", ".join(total.unpriced)
        yield f"No price is known for {models}, so max_usd={settings.max_usd} cannot be kept."
    if total.usd > settings.max_usd:
        yield f"The test costs {total.usd:.6f} USD, more than max_usd={settings.max_usd}."
