"""Figures: what the demo shows, read from one scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tokentape.cli.tokens import Tokens

if TYPE_CHECKING:
    from tokentape.cli.scrape import Scrape

_REQUESTS = "tokentape_requests_total"
_TOKENS = "tokentape_tokens_total"
_TTFT = "tokentape_time_to_first_token_seconds"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One model, or all of them."""

    name: str
    calls: int
    """Attempts: what the SDK tried again counts again."""
    tokens: Tokens
    ttft_p50: float | None
    """Seconds to the first content delta of a stream."""
    ttft_p95: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All that is shown."""

    models: tuple[Row, ...]
    total: Row
    outcomes: dict[str, int]
    """Calls by how they ended."""
    stop_reasons: dict[str, int]
    errors: dict[str, int]
    """By error type."""
    retries: dict[str, int]
    """By what they repeat."""
    unmetered: int


def read_figures(scrape: Scrape) -> Figures:
    """Read the figures of all models that were called."""
    return Figures(
        models=tuple(_row(scrape, model, model=model) for model in scrape.by(_REQUESTS, "model")),
        total=_row(scrape, "all"),
        outcomes=_counts(scrape, _REQUESTS, "outcome"),
        stop_reasons=_counts(scrape, "tokentape_stop_reasons_total", "stop_reason"),
        errors=_counts(scrape, "tokentape_errors_total", "error_type"),
        retries=_counts(scrape, "tokentape_retries_total", "cause"),
        unmetered=int(scrape.value("tokentape_unmetered_calls_total")),
    )


def known_calls(scrape: Scrape) -> int:
    """Calls that are metered, or known not to be."""
    return int(scrape.value(_REQUESTS) + scrape.value("tokentape_unmetered_calls_total"))


def _row(scrape: Scrape, name: str, **labels: str) -> Row:
    kinds = scrape.by(_TOKENS, "kind", **labels)
    return Row(
        name=name,
        calls=int(scrape.value(_REQUESTS, **labels)),
        tokens=Tokens(
            input=int(kinds.get("input", 0)),
            cache_read=int(kinds.get("cache_read", 0)),
            cache_write=int(kinds.get("cache_write_5m", 0) + kinds.get("cache_write_1h", 0)),
            output=int(kinds.get("output", 0)),
        ),
        ttft_p50=scrape.quantile(0.5, _TTFT, kind="any", **labels),
        ttft_p95=scrape.quantile(0.95, _TTFT, kind="any", **labels),
    )


def _counts(scrape: Scrape, name: str, label: str) -> dict[str, int]:
    return {value: int(count) for value, count in scrape.by(name, label).items()}
