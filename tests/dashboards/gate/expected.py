"""Expected: what panels must show, from the ledger, which is another road from the same traffic.

A course is asked over a day, so that its rate interval holds all of the traffic: the rate at its end, times
the interval, is then the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.dashboards.gate.asking import rate_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokentape.proxy.ledger.report import ReportRow

DAY: Final = "24h"
_MINUTE: Final = rate_seconds(DAY) / 60
_HOUR: Final = rate_seconds(DAY) / 3600
TOLERANCE: Final = 0.01

Sums = dict[tuple[str, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One query of a panel, and the figure of the ledger that it must give.

    Args:
        at: board, panel and query.
        amount: the figure of a row of the ledger's report; nothing where it has none.
        by: labels of the series, which are dimensions of the ledger, too.
        times: what the query's value is multiplied by: that of a course by minutes or hours.
        fixed: value of a label beside `by`.
        attempts: results of batches are no attempts, and left out.
    """

    at: tuple[str, str, str]
    amount: Callable[[ReportRow], float | None]
    by: tuple[str, ...] = ()
    times: float = 1.0
    fixed: str = ""
    attempts: bool = False


def _usd(row: ReportRow) -> float:
    return float(row.usd)


def _calls(row: ReportRow) -> float:
    return row.calls


def _hits(row: ReportRow) -> float | None:
    return row.hit_ratio


def _tokens(row: ReportRow) -> float:
    prompt = row.input_tokens + row.cache_read_tokens + row.cache_write_5m_tokens + row.cache_write_1h_tokens
    return prompt + row.output_tokens


def _thousand(row: ReportRow) -> float | None:
    return None if row.usd_per_call is None else 1000 * float(row.usd_per_call)


def _reads(row: ReportRow) -> float | None:
    written = row.cache_write_5m_tokens + row.cache_write_1h_tokens
    return row.cache_read_tokens / written if written else None


def _unpriced(row: ReportRow) -> float:
    return row.unpriced


def _saved(row: ReportRow) -> float:
    return float(row.savings_usd)


def _of_budget(usd: float) -> Callable[[ReportRow], float]:
    return lambda row: float(row.usd) / usd


def _kind(kind: str) -> Callable[[ReportRow], float]:
    return lambda row: float(getattr(row, f"{kind}_tokens"))


def _nothing(_row: ReportRow) -> float:
    return 0.0


_KINDS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
_SPEND: Final = "Spend in range"
_MODEL: Final = ("model",)
_PROJECT: Final = ("project",)
_BOTH: Final = ("project", "model")
_WORST: Final = "Spend and hit ratio, the dearest first"


def expectations(day_budget: float, month_budget: float) -> Sequence[Expected]:
    """All that the ledger can say about the boards."""
    return (
        Expected(at=("overview", _SPEND, "A"), amount=_usd),
        Expected(at=("overview", "Burn rate an hour", "A"), amount=_usd, times=_HOUR),
        Expected(at=("overview", "Today and this month", "A"), amount=_usd),
        Expected(at=("overview", "Today and this month", "B"), amount=_usd),
        Expected(at=("overview", "Budget used", "A"), amount=_of_budget(day_budget)),
        Expected(at=("overview", "Budget used", "B"), amount=_of_budget(month_budget)),
        Expected(at=("overview", "Unpriced, unmetered", "A"), amount=_unpriced),
        Expected(at=("overview", "Unpriced, unmetered", "B"), amount=_nothing),
        Expected(at=("overview", "Spend an hour by model", "A"), amount=_usd, by=_MODEL, times=_HOUR),
        Expected(at=("overview", "Cost by kind", "A"), amount=_usd),
        Expected(at=("overview", "Models", "A"), amount=_calls, attempts=True, by=_MODEL),
        Expected(at=("overview", "Models", "B"), amount=_tokens, by=_MODEL),
        Expected(at=("overview", "Models", "C"), amount=_usd, by=_MODEL),
        Expected(at=("overview", "Models", "D"), amount=_thousand, by=_MODEL),
        Expected(at=("overview", "Models", "E"), amount=_hits, by=_MODEL),
        Expected(at=("overview", "Top projects", "A"), amount=_usd, by=_PROJECT),
        Expected(at=("overview", "This week against the last", "A"), amount=_usd, times=_HOUR),
        Expected(at=("overview", "Requests by status", "A"), amount=_calls, attempts=True, times=_MINUTE),
        Expected(at=("overview", "Saved by the cache", "A"), amount=_saved),
        Expected(
            at=("overview", "Batches: share and saving", "A"), amount=lambda row: float(row.batch_savings_usd)
        ),
        Expected(
            at=("overview", "Subscription, at API prices", "A"),
            amount=lambda row: float(row.subscription_usd),
        ),
        Expected(at=("tokens", "Hit ratio", "A"), amount=_hits),
        Expected(at=("tokens", "Saved by the cache", "A"), amount=_saved),
        Expected(at=("tokens", "Reads per write", "A"), amount=_reads),
        *(
            Expected(
                at=("tokens", "Tokens a minute by kind", "A"), amount=_kind(kind), times=_MINUTE, fixed=kind
            )
            for kind in _KINDS
        ),
        Expected(at=("tokens", "Hit ratio by model", "A"), amount=_hits, by=_MODEL),
        Expected(at=("tokens", "Hit ratio by project", "A"), amount=_hits, by=_PROJECT),
        Expected(at=("tokens", "Writes by ttl", "A"), amount=_kind("cache_write_1h"), fixed="cache_write_1h"),
        Expected(at=("tokens", "Writes by ttl", "A"), amount=_kind("cache_write_5m"), fixed="cache_write_5m"),
        Expected(at=("tokens", _WORST, "B"), amount=_hits, by=_BOTH),
        Expected(at=("tokens", _WORST, "C"), amount=_saved, by=_BOTH),
        Expected(at=("latency", "Requests a minute", "A"), amount=_calls, attempts=True, times=_MINUTE),
        Expected(at=("model", _SPEND, "A"), amount=_usd),
        Expected(at=("model", "Requests", "A"), amount=_calls, attempts=True),
        Expected(at=("model", "USD per 1k requests", "A"), amount=_thousand),
        Expected(at=("model", "Hit ratio", "A"), amount=_hits),
        Expected(at=("model", "Spend an hour by project", "A"), amount=_usd, by=_PROJECT, times=_HOUR),
        Expected(at=("model", "Projects", "A"), amount=_calls, attempts=True, by=_PROJECT),
        Expected(at=("model", "Projects", "B"), amount=_usd, by=_PROJECT),
        Expected(at=("model", "Projects", "C"), amount=_thousand, by=_PROJECT),
        Expected(at=("model", "Projects", "D"), amount=_hits, by=_PROJECT),
        Expected(at=("health", "Unmetered calls", "A"), amount=_nothing),
        Expected(at=("health", "Lost by the ledger", "A"), amount=_nothing),
        Expected(at=("health", "Unpriced calls", "A"), amount=_unpriced),
    )


def shown(found: Sequence[tuple[Mapping[str, str], float]], expected: Expected) -> Sums:
    """What a query gave, summed by the labels that the ledger knows."""
    sums: Sums = {}
    for labels, value in found:
        if expected.fixed and expected.fixed not in labels.values():
            continue
        key = tuple(labels[name] for name in expected.by)
        if not math.isnan(value):
            sums[key] = sums.get(key, 0.0) + value * expected.times
    return sums


def differences(expected: Expected, by_query: Sums, by_ledger: Sums) -> list[str]:
    """Where the two say different things; what one does not have, or has as 0, is nothing."""
    return [
        f"{' / '.join(expected.at)} {key}: {by_query.get(key, 0)}, and {by_ledger.get(key, 0)} in the ledger"
        for key in sorted({*by_query, *by_ledger})
        if not math.isclose(by_query.get(key, 0.0), by_ledger.get(key, 0.0), rel_tol=TOLERANCE, abs_tol=1e-9)
    ]
