"""Scenarios: for each alert, figures that are well, then ill for a while, then well again.

The same scenarios are told twice: to promtool, minute by minute with the true times, and to a living
Prometheus and Alertmanager, where a minute passes in a quarter of a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Shape = Literal["flow", "level", "age", "saw"]
DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Series:
    """How one series goes.

    Args:
        shape: `flow`: a counter that grows by so much a minute. `level`: a gauge. `age`: a time stamp so
            many days ago. `saw`: a counter that starts anew every so many minutes; 0: never.
        well: while nothing is wrong.
        ill: while something is.
        start: what a counter begins with.
    """

    shape: Shape
    well: float
    ill: float
    start: float = 0.0


def flow(well: float, ill: float, start: float = 0.0) -> Series:
    """A counter that grows by so much a minute."""
    return Series("flow", well, ill, start)


def level(well: float, ill: float) -> Series:
    """A gauge."""
    return Series("level", well, ill)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What makes one alert fire.

    Args:
        alert: its name.
        series: figures by name and labels; job and instance are those of the scrape.
        labels: which the alert is then about.
        value: how its texts write the figure, once it fires.
        begins: minutes of illness until its condition holds.
        thin: a share of the flows at which there is too little traffic to say anything; none where a
            single event must be told.
        after: minutes until all is forgotten.
    """

    alert: str
    series: Mapping[str, Series]
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    value: str = ""
    begins: int = 1
    thin: float | None = None
    after: int = 75


BEFORE: Final = 20
"""Minutes of health before the illness."""
ILL: Final = 130
SCRAPED: Final = {"job": "tokentape", "instance": "proxy:9464"}


def course(series: Series, phases: Iterator[bool], start: float, minute: float) -> Iterator[float]:
    """Values a minute, for each minute whether it is ill; time stamps count from `start`."""
    value = series.start
    for index, ill in enumerate(phases):
        amount = series.ill if ill else series.well
        if series.shape == "flow":
            yield value
            value += amount
        elif series.shape == "level":
            yield amount
        elif series.shape == "age":
            yield start + index * minute - amount * DAY
        else:
            yield index % amount if amount else BEFORE + index


def _requests(model: str, well: dict[str, float], ill: dict[str, float]) -> dict[str, Series]:
    labels = f'endpoint="/v1/messages",model="{model}",project="default",stream="true"'
    return {
        f'tokentape_requests_total{{{labels},status="200",outcome="{outcome}"}}': flow(
            well.get(outcome, 0), ill.get(outcome, 0)
        )
        for outcome in (*well, *(key for key in ill if key not in well))
    }


def _errors(model: str, error_type: str) -> dict[str, Series]:
    labels = f'endpoint="/v1/messages",model="{model}",project="default",error_type="{error_type}"'
    return {f"tokentape_errors_total{{{labels}}}": flow(0.1, 2)}


def _counted(name: str, model: str, label: str, flows: Mapping[str, Series]) -> dict[str, Series]:
    return {
        f'{name}{{model="{model}",project="default",{label}="{value}"}}': series
        for value, series in flows.items()
    }


def _money(ledger: str, window: str, spend: Series, budget: float) -> dict[str, Series]:
    labels = f'ledger="{ledger}",project="_all",window="{window}"'
    return {
        f"tokentape_spend_usd{{{labels}}}": spend,
        f"tokentape_budget_usd{{{labels}}}": level(budget, budget),
    }


def _cost(model: str, spend: Series, price: float) -> dict[str, Series]:
    return {
        **_counted("tokentape_cost_usd_total", model, "kind", {"output": spend}),
        f'tokentape_price_usd_per_million_tokens{{model="{model}",kind="output"}}': level(price, price),
    }


def _waits(model: str) -> dict[str, Series]:
    name = "tokentape_time_to_first_token_seconds"
    labels = f'model="{model}",project="default",kind="any"'
    return {
        f'{name}_bucket{{{labels},le="2.56"}}': flow(10, 0),
        f'{name}_bucket{{{labels},le="10.24"}}': flow(10, 0),
        f'{name}_bucket{{{labels},le="20.48"}}': flow(10, 10),
        f'{name}_bucket{{{labels},le="+Inf"}}': flow(10, 10),
        f"{name}_count{{{labels}}}": flow(10, 10),
    }


def _limit(model: str) -> dict[str, Series]:
    labels = f'credential="a1b2",model="{model}",kind="input_tokens"'
    return {
        f"tokentape_ratelimit_limit{{{labels}}}": level(1000, 1000),
        f"tokentape_ratelimit_remaining{{{labels}}}": level(900, 50),
    }


SCENARIOS: Final = (
    Scenario(
        alert="TokentapeDailyBudgetNearlySpent",
        begins=0,
        series=_money("near", "day", level(50, 90), 100),
        labels={"ledger": "near", "project": "_all"},
        value="90%",
    ),
    Scenario(
        alert="TokentapeDailyBudgetExhausted",
        begins=0,
        series=_money("over", "day", level(50, 125), 100),
        labels={"ledger": "over", "project": "_all"},
        value="125%",
    ),
    Scenario(
        alert="TokentapeBudgetForecastExceeded",
        begins=28,
        series=_money("pace", "month", flow(0, 1, 100), 1000),
        labels={"ledger": "pace", "project": "_all"},
        after=1450,
        value="2924.95",
    ),
    Scenario(
        alert="TokentapeSpendSpike",
        begins=2,
        series=_cost("dear", flow(0.01, 0.5), 25),
        value="8.70",
    ),
    Scenario(
        alert="TokentapeExpensiveModelShare",
        begins=6,
        series=_cost("dear", flow(0.01, 0.5), 25) | _cost("cheap", flow(0.03, 0.03), 5),
        thin=0.02,
        value="94.34%",
    ),
    Scenario(
        alert="TokentapeUnpricedRequests",
        series=_counted(
            "tokentape_priced_calls_total", "new", "status", {"exact": flow(5, 5), "unpriced": flow(0, 1)}
        ),
        labels={"model": "new"},
    ),
    Scenario(
        alert="TokentapeErrorRatioHigh",
        begins=2,
        series=_requests(
            "failing", {"ok": 10, "client_abort": 3}, {"ok": 10, "client_abort": 3, "api_error": 3}
        ),
        labels={"model": "failing"},
        thin=0.1,
        value="18.75%",
    ),
    Scenario(
        alert="TokentapeRateLimited",
        begins=3,
        series=_errors("limited", "rate_limit_error"),
        labels={"model": "limited"},
        thin=0.1,
        value="7",
    ),
    Scenario(
        alert="TokentapeUpstreamOverloaded",
        begins=3,
        series=_errors("loaded", "overloaded_error"),
        labels={"model": "loaded"},
        thin=0.1,
        value="7",
    ),
    Scenario(
        alert="TokentapeTimeToFirstTokenHigh",
        series=_waits("slow"),
        labels={"model": "slow"},
        thin=0.1,
        value="19.97s",
    ),
    Scenario(
        alert="TokentapeTruncatedRepliesHigh",
        begins=2,
        series=_counted(
            "tokentape_stop_reasons_total",
            "cut",
            "stop_reason",
            {"end_turn": flow(5, 5), "max_tokens": flow(0.1, 2)},
        ),
        labels={"model": "cut"},
        thin=0.04,
        value="16.29%",
    ),
    Scenario(
        alert="TokentapeRateLimitNearlyExhausted",
        begins=0,
        series=_limit("near"),
        labels={"model": "near", "kind": "input_tokens"},
        value="5%",
    ),
    Scenario(
        alert="TokentapeStreamHung",
        begins=0,
        series={"tokentape_oldest_inflight_seconds": level(40, 1200)},
        labels=SCRAPED,
        value="20m 0s",
    ),
    Scenario(
        alert="TokentapeToolLoop",
        series=_counted("tokentape_tool_loops_total", "stuck", "tool", {"get_weather": flow(0, 1)}),
        labels={"model": "stuck", "tool": "get_weather"},
    ),
    Scenario(
        alert="TokentapeCacheHitRatioLow",
        begins=41,
        series=_counted(
            "tokentape_tokens_total",
            "missing",
            "kind",
            {"input": flow(100, 1000), "cache_read": flow(900, 0)},
        )
        | _counted("tokentape_cache_outcomes_total", "missing", "outcome", {"hit": flow(2, 2)}),
        labels={"model": "missing"},
        thin=0.1,
        value="0%",
    ),
    Scenario(
        alert="TokentapeCacheMarkedButIgnored",
        begins=5,
        series=_counted(
            "tokentape_cache_outcomes_total",
            "short",
            "outcome",
            {"hit": flow(2, 1), "ignored": flow(0.1, 2), "unmarked": flow(1, 1)},
        ),
        labels={"model": "short"},
        thin=0.1,
        value="48.98%",
    ),
    Scenario(
        alert="TokentapeDown",
        begins=0,
        series={"up": level(1, 0)},
        labels=SCRAPED,
    ),
    Scenario(
        alert="TokentapeMeterResets",
        begins=10,
        series={"tokentape_observer_cpu_seconds_total": Series("saw", 0, 5)},
        labels=SCRAPED,
        value="3",
    ),
    Scenario(
        alert="TokentapePriceTableStale",
        begins=0,
        series={"tokentape_price_table_timestamp_seconds": Series("age", 10, 70)},
        labels=SCRAPED,
        value="70",
    ),
    Scenario(
        alert="TokentapeUnmeteredCalls",
        series={'tokentape_unmetered_calls_total{reason="observer_away"}': flow(0, 2)},
        labels={"instance": SCRAPED["instance"]},
        value="2",
    ),
)
