"""A history of thirty days, the same ones every time, as OpenMetrics: for pictures, and for long ranges.

`promtool tsdb create-blocks-from openmetrics` makes a database of it. Four models, four projects, days that
look like days, an evening on which the API was overloaded, and a project that began to cache a week ago.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.prometheus import require

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON: Final = 1_795_176_000
"""Of Friday, 20 November 2026, UTC."""
END: Final = NOON + 2520
DAY: Final = 86400
DAYS: Final = 30
SCRAPED: Final = 'job="tokentape",instance="proxy:9464"'
DAY_BUDGET: Final = 120.0
MONTH_BUDGET: Final = 2500.0

_PRICES: Final = {
    "claude-opus-4-8": (5, 0.5, 6.25, 10, 25),
    "claude-sonnet-4-6": (3, 0.3, 3.75, 6, 15),
    "claude-haiku-4-5": (1, 0.1, 1.25, 2, 5),
}
"""USD for a million tokens, by kind."""
KINDS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
_WAITS: Final = (0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, math.inf)
_TOKENS: Final = (64, 256, 1024, 4096, 16384, 65536, 262144, math.inf)
_USD: Final = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, math.inf)
_ADDED: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, math.inf)
_SPEEDS: Final = (20, 40, 60, 80, 100, 150, 200, math.inf)


@dataclass(frozen=True, slots=True)
class Pair:
    """A model that a project uses."""

    model: str
    project: str
    hourly: float
    """Requests in an hour of a working day."""
    tokens: tuple[float, ...]
    """Of a request, by kind."""
    wait: float
    """Median of the seconds to the first token."""
    speed: float
    """Tokens a second."""


PAIRS: Final = (
    Pair("claude-sonnet-4-6", "checkout", 260, (900, 9000, 700, 0, 420), 0.9, 70),
    Pair("claude-sonnet-4-6", "support", 180, (1800, 5200, 400, 300, 350), 1.0, 70),
    Pair("claude-haiku-4-5", "support", 420, (700, 2600, 150, 0, 180), 0.45, 140),
    Pair("claude-haiku-4-5", "search", 650, (1900, 600, 250, 0, 90), 0.4, 150),
    Pair("claude-opus-4-8", "research", 46, (2600, 21000, 1500, 900, 1300), 1.8, 55),
    Pair("claude-opus-4-8", "checkout", 12, (2200, 800, 0, 0, 110), 1.6, 55),
)

Samples = dict[str, list[tuple[int, float]]]
"""Values by time, by series."""


def times() -> Iterator[int]:
    """As dense as the rates of boards need.

    Three a minute in the last hour and in that hour a week ago, one a minute in the last day, one every two
    minutes in that day a week ago, else two an hour.
    """
    at = END - DAYS * DAY
    while at <= END:
        yield at
        ago = END - at
        if ago <= 3900 or 7 * DAY - 300 <= ago <= 7 * DAY + 3900:
            at += 20
            continue
        at += 60 if ago <= DAY + 7200 else 120 if 7 * DAY - 7200 <= ago <= 8 * DAY + 7200 else 1800


def busy(at: int) -> float:
    """Share of a working hour's traffic: little at night, less at weekends."""
    hour, weekday = at % DAY / 3600, (at // DAY + 3) % 7
    day = 0.12 + 0.88 * math.exp(-(((hour - 13.5) / 4.2) ** 2))
    return day * (0.3 if weekday >= 5 else 1.0)


class History:
    """Grows all series from one moment to the next."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._totals: defaultdict[str, float] = defaultdict(float)
        self._gauges: dict[str, float] = {}
        self._spent: dict[tuple[str, str], float] = {}

    def samples(self) -> Samples:
        """All values."""
        found: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        before = END - DAYS * DAY - 1800
        for at in times():
            self.step(at, at - before)
            before = at
            for name, values in self.now(at).items():
                found[name] += values
        return found

    def now(self, at: int) -> Samples:
        """The values as they are, as of a time."""
        return {name: [(at, value)] for name, value in (*self._totals.items(), *self._gauges.items())}

    def step(self, at: int, seconds: int) -> None:
        """Let so many seconds go by until this time."""
        self._budgets(at, seconds)
        overloaded = END - 9 * 3600 - 2400 <= at <= END - 9 * 3600
        for pair in PAIRS:
            noise = self._random.lognormvariate(0, 0.18)
            self._pair(pair, at, pair.hourly * busy(at) * noise * seconds / 3600, overloaded=overloaded)
        self._proxy(at, seconds)

    def _add(self, name: str, amount: float, **labels: str) -> None:
        self._totals[_series(name, labels)] += amount

    def _set(self, name: str, value: float, **labels: str) -> None:
        self._gauges[_series(name, labels)] = value

    def _pair(self, pair: Pair, at: int, calls: float, *, overloaded: bool) -> None:
        pm = {"model": pair.model, "project": pair.project}
        failing = 0.22 if overloaded and "haiku" not in pair.model else 0.004
        self._requests(pair, calls, failing)
        good = calls * (1 - failing)
        tokens = self._tokens(pair, at)
        prices = _PRICES[pair.model]
        usd = {kind: count * price / 1e6 for kind, count, price in zip(KINDS, tokens, prices, strict=True)}
        for kind, count in zip(KINDS, tokens, strict=True):
            self._add("tokentape_tokens_total", good * count, **pm, kind=kind)
            self._add("tokentape_cost_usd_total", good * usd[kind], **pm, kind=kind)
            short = good * count * (0.7 if pair.tokens[-1] < 200 else 0.15)
            self._add("tokentape_short_answer_tokens_total", short, **pm, kind=kind)
            self._set(
                "tokentape_price_usd_per_million_tokens",
                prices[KINDS.index(kind)],
                model=pair.model,
                kind=kind,
            )
        self._add("tokentape_cost_usd_total", good * 0.0004, **pm, kind="web_search")
        for project in (pair.project, "_all"):
            for window in ("day", "month"):
                self._spent[project, window] = self._spent.get((project, window), 0.0) + good * sum(
                    usd.values()
                )
        self._cache(pm, good, tokens, prices)
        self._replies(pair, good, sum(usd.values()), slow=3.5 if overloaded else 1.0)
        for status, share in (("exact", 0.992), ("estimated", 0.008), ("unpriced", 0.0)):
            self._add("tokentape_priced_calls_total", good * share, **pm, status=status)
        self._add("tokentape_batch_results_total", good * 0.05, **pm, result="succeeded")
        self._add("tokentape_batch_savings_usd_total", good * 0.05 * sum(usd.values()), **pm)
        if pair.project == "research":
            self._add("tokentape_subscription_equivalent_usd_total", good * 0.02, **pm)
        self._limits(pair, calls)

    def _requests(self, pair: Pair, calls: float, failing: float) -> None:
        common = {"model": pair.model, "project": pair.project, "endpoint": "/v1/messages"}
        ends = (
            ("200", "ok", 1 - failing - 0.014),
            ("529", "api_error", failing * 0.7),
            ("429", "api_error", failing * 0.2),
            ("400", "api_error", failing * 0.1),
            ("200", "client_abort", 0.011),
            ("200", "stream_error", 0.002),
            ("200", "upstream_abort", 0.001),
        )
        for status, outcome, share in ends:
            self._add(
                "tokentape_requests_total",
                calls * share,
                **common,
                status=status,
                outcome=outcome,
                stream="true",
            )
        for error, share in (
            ("overloaded_error", 0.7),
            ("rate_limit_error", 0.2),
            ("invalid_request_error", 0.1),
        ):
            self._add("tokentape_errors_total", calls * failing * share, **common, error_type=error)
        for cause, share in (("overloaded_error", 0.6), ("rate_limit_error", 0.18)):
            self._add(
                "tokentape_retries_total",
                calls * failing * share,
                model=pair.model,
                project=pair.project,
                cause=cause,
            )

    def _tokens(self, pair: Pair, at: int) -> tuple[float, ...]:
        """Search began to cache a week ago: until then it paid for its whole prompt as input."""
        fresh, read, short, lasting, output = pair.tokens
        if pair.project == "search" and at < END - 6 * DAY:
            return (fresh + read + short, 0, 0, 0, output)
        sway = 1 + 0.25 * math.sin(at / 7000 + len(pair.project))
        return (fresh * sway, read, short * sway, lasting, output)

    def _cache(
        self, pm: dict[str, str], good: float, tokens: tuple[float, ...], prices: tuple[float, ...]
    ) -> None:
        saved = tokens[1] * (prices[0] - prices[1]) / 1e6
        extra = (tokens[2] * (prices[2] - prices[0]) + tokens[3] * (prices[3] - prices[0])) / 1e6
        self._add(
            "tokentape_cache_effect_usd_total", good * max(saved - extra * 0.4, 0), **pm, effect="cheaper"
        )
        self._add("tokentape_cache_effect_usd_total", good * extra * 0.6, **pm, effect="dearer")
        caching = tokens[1] > 0
        shares = {"hit": 0.68, "mixed": 0.12, "write": 0.08, "ignored": 0.02, "unmarked": 0.1}
        if not caching:
            shares = {"unmarked": 1.0}
        elif pm["project"] == "search":
            shares = {"hit": 0.3, "mixed": 0.1, "write": 0.2, "ignored": 0.25, "unmarked": 0.15}
        for outcome, share in shares.items():
            self._add("tokentape_cache_outcomes_total", good * share, **pm, outcome=outcome)

    def _replies(self, pair: Pair, good: float, usd: float, slow: float) -> None:
        pm = {"model": pair.model, "project": pair.project}
        wait, output = pair.wait * slow, pair.tokens[-1]
        self._spread("tokentape_time_to_first_token_seconds", _WAITS, wait, 0.7, good, **pm, kind="any")
        self._spread(
            "tokentape_request_duration_seconds",
            _WAITS,
            wait + output / pair.speed,
            0.6,
            good,
            **pm,
            endpoint="/v1/messages",
            stream="true",
        )
        self._spread("tokentape_request_input_tokens", _TOKENS, sum(pair.tokens[:-1]), 0.9, good, **pm)
        self._spread("tokentape_request_output_tokens", _TOKENS, output, 0.8, good, **pm)
        self._spread("tokentape_request_cost_usd", _USD, usd, 0.8, good, **pm)
        model = {"model": pair.model}
        self._spread("tokentape_stream_max_gap_seconds", _WAITS, 0.5 * slow, 0.6, good, **model)
        self._spread(
            "tokentape_output_tokens_per_second", _SPEEDS, pair.speed / slow**0.3, 0.25, good, **model
        )
        cut = 0.03 if pair.project == "support" else 0.006
        for reason, share in (
            ("end_turn", 0.72 - cut),
            ("tool_use", 0.27),
            ("max_tokens", cut),
            ("refusal", 0.01),
        ):
            self._add("tokentape_stop_reasons_total", good * share, **pm, stop_reason=reason)
        if pair.model == "claude-sonnet-4-6":
            self._add(
                "tokentape_model_substitutions_total",
                good * 0.003,
                asked="claude-opus-4-8",
                served=pair.model,
            )

    def _spread(
        self, name: str, bounds: tuple[float, ...], median: float, width: float, count: float, **labels: str
    ) -> None:
        """A histogram of values that are spread log-normally."""
        for bound in bounds:
            share = 1.0 if bound == math.inf else _below(math.log(bound / median) / width)
            self._add(
                f"{name}_bucket", count * share, **labels, le="+Inf" if bound == math.inf else f"{bound:g}"
            )

    def _limits(self, pair: Pair, calls: float) -> None:
        used = min(0.85, calls / 60 * 4 / pair.hourly * 30)
        for kind, limit in (("requests", 100), ("input_tokens", 400_000), ("output_tokens", 40_000)):
            labels = {"credential": "a1b2c3d4", "model": pair.model, "kind": kind}
            left = limit * (
                1 - used * (0.7 if kind == "requests" else 0.9 if kind == "input_tokens" else 0.55)
            )
            self._set("tokentape_ratelimit_limit", limit, **labels)
            self._set("tokentape_ratelimit_remaining", round(left), **labels)

    def _budgets(self, at: int, seconds: int) -> None:
        """Days and months begin anew, in UTC; this month began on a Sunday."""
        starts = {"day": at - at % DAY, "month": NOON - 19 * DAY - DAY // 2}
        for (project, window), spent in self._spent.items():
            if at - seconds < starts[window] <= at:
                self._spent[project, window] = 0.0
                spent = 0.0  # noqa: PLW2901 - this is the moment at which it begins anew
            labels = {"ledger": "7f3a", "project": project, "window": window}
            self._set("tokentape_spend_usd", spent, **labels)
        for window, budget in (("day", DAY_BUDGET), ("month", MONTH_BUDGET)):
            self._set("tokentape_budget_usd", budget, ledger="7f3a", project="_all", window=window)

    def _proxy(self, at: int, seconds: int) -> None:
        chance = self._random.random
        traffic = busy(at)
        self._set("tokentape_build_info", 1, version="0.1.0", python="3.13.1")
        self._set("up", 1)
        self._set("scrape_samples_scraped", 2140 + round(12 * chance()))
        self._set("tokentape_observer_start_timestamp_seconds", END - 12 * DAY)
        self._set("tokentape_price_table_timestamp_seconds", END - 17 * DAY)
        self._set("tokentape_inflight_requests", round(9 * traffic * (0.6 + 0.8 * chance())))
        self._set("tokentape_oldest_inflight_seconds", 4 + 30 * traffic * chance())
        self._set("tokentape_observer_resident_memory_bytes", 92e6 + 3e6 * chance())
        self._add("tokentape_observer_cpu_seconds_total", seconds * (0.01 + 0.03 * traffic))
        for worker in ("0", "1"):
            labels = {"worker": worker}
            self._set("tokentape_worker_resident_memory_bytes", 41e6 + 4e6 * chance(), **labels)
            self._set(
                "tokentape_worker_event_loop_lag_seconds", 0.0002 + 0.0015 * traffic * chance(), **labels
            )
            self._set("tokentape_worker_buffered_frames_bytes", round(90_000 * traffic * chance()), **labels)
            self._add("tokentape_worker_cpu_seconds_total", seconds * (0.005 + 0.02 * traffic), **labels)
            self._add("tokentape_worker_restarts_total", 0, **labels)
        calls = seconds * traffic
        for direction, median in (("request", 0.00012), ("response", 0.00009)):
            name = "tokentape_added_latency_seconds"
            self._spread(name, _ADDED, median * (1 + traffic), 0.7, calls, direction=direction)
        for window, share in (("5h", 0.35), ("7d", 0.2)):
            used = share * (0.5 + traffic / 2)
            self._set("tokentape_ratelimit_utilization_ratio", used, credential="e5f6", window=window)
        for name, label, value in (
            ("tokentape_unmetered_calls_total", "reason", "buffer_full"),
            ("tokentape_ledger_lost_calls_total", "reason", "refused"),
            ("tokentape_parse_errors_total", "reason", "usage"),
            ("tokentape_sink_errors_total", "sink", "ledger"),
            ("tokentape_label_overflows_total", "label", "project"),
        ):
            self._add(name, 0, **{label: value})
        self._add("tokentape_refused_requests_total", 2e-5 * seconds, reason="bad_request")
        self._add("tokentape_unknown_events_total", 3e-5 * seconds, event="field:usage.new")


def _series(name: str, labels: dict[str, str]) -> str:
    inside = "".join(f',{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{SCRAPED}{inside}}}"


def _below(z: float) -> float:
    """The share of a normal distribution below z standard deviations."""
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def open_metrics(samples: Samples) -> Iterator[str]:
    """Lines, series by series within their names, as the format wants it."""
    for name in sorted(samples):
        for at, value in samples[name]:
            yield f"{name} {value:.9g} {at}\n"
    yield "# EOF\n"


def make_database(folder: Path) -> Path:
    """Blocks of thirty days; where they are."""
    text, blocks = folder / "history.om", folder / "tsdb"
    with text.open("w", encoding="ascii") as file:
        file.writelines(open_metrics(History(seed=7).samples()))
    command = [require("promtool"), "tsdb", "create-blocks-from", "--max-block-duration=486h"]
    subprocess.run([*command, "openmetrics", str(text), str(blocks)], check=True, stdout=subprocess.DEVNULL)
    text.unlink()
    return blocks


if __name__ == "__main__":
    print(make_database(Path(sys.argv[1])))
