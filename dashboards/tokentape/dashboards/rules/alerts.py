"""Alerts: what somebody should be told, when, and what to do about it.

Rules for whoever adds one:

- It stays silent at low traffic: a ratio asks for enough requests to mean something.
- Its name begins with `Tokentape`; its entry in the runbook is made from it.
- Its windows go through the clock, so that a live test can shorten them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from tokentape.dashboards.queries.series import Scope, none_of, total
from tokentape.dashboards.rules.spans import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from tokentape.dashboards.options import Options
    from tokentape.dashboards.rules.spans import Clock

ENOUGH: Final = 20
"""Requests in the window of a ratio."""

Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert."""

    name: str
    expr: str
    wait: str
    """For how long it must hold: `for`."""
    severity: Severity
    summary: str
    description: str
    """With templates of the alert's labels and value."""
    meaning: str
    """For the runbook: what it means and why it matters."""
    action: str
    """For the runbook: what to look at, and what to do."""


def alerts(options: Options, clock: Clock) -> list[Alert]:
    """All alerts."""
    asked = _Asked(options, clock)
    return [*_money(asked), *_traffic(asked), *_cache(asked), *_meter(asked)]


class _Asked:
    """The expressions that alerts share."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.limits = options.thresholds
        self.span = clock.span
        self.scope = Scope(options.metric_labels, variables=False)

    def grown(self, name: str, seconds: float, *by: str, **where: str) -> str:
        """By how much a counter grew in a window, by labels."""
        return total(f"increase({self.scope.vector(name, **where)}[{self.span(seconds)}])", *by)

    def errors(self, error_type: str) -> str:
        """Errors of one type in ten minutes, by model."""
        return self.grown("tokentape_errors_total", 10 * MINUTE, "model", error_type=error_type)

    def spent(self, name: str, window: str, project: str = '!=""') -> str:
        """Spend or budget of a window, once a ledger."""
        figure = self.scope.vector(f"tokentape_{name}_usd", window=window, project=project)
        return f"max by (ledger, project) ({figure})"


def _money(asked: _Asked) -> list[Alert]:
    limits, span = asked.limits, asked.span
    used = f"{asked.spent('spend', 'day')} / ({asked.spent('budget', 'day')} > 0)"
    month, budget = asked.spent("spend", "month"), asked.spent("budget", "month")
    pace = asked.scope.vector("tokentape_spend_usd", window="month")
    left = "scalar(days_in_month() - day_of_month() + 1 - hour() / 24)"
    forecast = f"{month} + max by (ledger, project) (rate({pace}[{span(DAY)}])) * 86400 * {left}"
    hourly = "tokentape:tokentape_cost_usd:rate1h * 3600"
    dear = asked.scope.vector("tokentape_price_usd_per_million_tokens", kind="output")
    cost = asked.grown("tokentape_cost_usd_total", HOUR, "model")
    of_dear = (
        f"sum({cost} * on (model) group_left () (max by (model) ({dear}) >= bool {limits.expensive_price:g}))"
    )
    return [
        Alert(
            name="TokentapeDailyBudgetNearlySpent",
            expr=f"{limits.budget_warning:g} <= ({used}) < {limits.budget_critical:g}",
            wait=span(MINUTE),
            severity="warning",
            summary="{{ $labels.project }} has spent {{ $value | humanizePercentage }} of the day's budget.",
            description="Project {{ $labels.project }} (_all: all of them) of ledger {{ $labels.ledger }}.",
            meaning="The spend of the day, from the ledger, nears the budget that the proxy was given.",
            action=(
                "See on the overview which model and project it is. Nothing is stopped: budgets only tell."
            ),
        ),
        Alert(
            name="TokentapeDailyBudgetExhausted",
            expr=f"({used}) >= {limits.budget_critical:g}",
            wait=span(MINUTE),
            severity="critical",
            summary="{{ $labels.project }} has spent the day's budget: {{ $value | humanizePercentage }}.",
            description="Project {{ $labels.project }} (_all: all of them) of ledger {{ $labels.ledger }}.",
            meaning="The spend of the day, from the ledger, is over the budget. Calls go on.",
            action="Stop or slow what is not needed today, or raise the budget (`--budget day=...`).",
        ),
        Alert(
            name="TokentapeBudgetForecastExceeded",
            expr=f"({forecast}) > {budget} and {month} < {budget}",
            wait=span(HOUR),
            severity="warning",
            summary="At the pace of the last day, {{ $labels.project }} will exceed the month's budget.",
            description='Forecast of the month: {{ $value | printf "%.2f" }} USD.',
            meaning=(
                "The month's spend so far, and the last day's pace until its end, are more than its budget."
            ),
            action=(
                "Compare this week with the last on the overview; a single expensive day passes by itself."
            ),
        ),
        Alert(
            name="TokentapeSpendSpike",
            expr=(
                f"{hourly} > {limits.spike_factor:g} * 3600 * "
                f"avg_over_time(tokentape:tokentape_cost_usd:rate1h[{span(7 * DAY)}])"
                f" and {hourly} > {limits.spike_usd:g}"
            ),
            wait=span(15 * MINUTE),
            severity="warning",
            summary='Spending {{ $value | printf "%.2f" }} USD an hour, far more than usual.',
            description="Several times the average of the last seven days.",
            meaning=(
                "An hour costs several times what hours of the last week did: a new job, a loop, "
                "a larger model."
            ),
            action=(
                "Spend by model and by project on the overview; then tool loops and retries on the others."
            ),
        ),
        Alert(
            name="TokentapeUnpricedRequests",
            expr=f"{asked.grown('tokentape_priced_calls_total', HOUR, 'model', status='unpriced')} > 0",
            wait=span(0),
            severity="warning",
            summary="Calls of {{ $labels.model }} have no known price.",
            description="Their cost is in no figure: the money shown is too little.",
            meaning=(
                "The price table does not know the model, so its calls are counted as unpriced, "
                "never as free."
            ),
            action="`tokentape prices update`, or put a price of your own into the configuration.",
        ),
        Alert(
            name="TokentapeExpensiveModelShare",
            expr=(
                f"{of_dear} / sum({cost}) > {limits.expensive_share:g} and sum({cost}) > {limits.spike_usd:g}"
            ),
            wait=span(HOUR),
            severity="info",
            summary="{{ $value | humanizePercentage }} of the spend goes to the most expensive models.",
            description="Of the last hour.",
            meaning="Nearly all spend of the hour went to top-tier models.",
            action=(
                "Short answers on the overview show what a smaller model would have cost for the easy calls."
            ),
        ),
    ]


def _traffic(asked: _Asked) -> list[Alert]:
    limits, span = asked.limits, asked.span
    requests = asked.grown("tokentape_requests_total", 5 * MINUTE, "model")
    failed = asked.grown(
        "tokentape_requests_total", 5 * MINUTE, "model", outcome=none_of("ok", "client_abort")
    )
    buckets = asked.scope.vector("tokentape_time_to_first_token_seconds_bucket", kind="any")
    streams = asked.grown("tokentape_time_to_first_token_seconds_count", 10 * MINUTE, "model", kind="any")
    p95 = f"histogram_quantile(0.95, sum by (le, model) (rate({buckets}[{span(10 * MINUTE)}])))"
    stops = asked.grown("tokentape_stop_reasons_total", HOUR, "model")
    cut = asked.grown("tokentape_stop_reasons_total", HOUR, "model", stop_reason="max_tokens")
    left = asked.scope.vector("tokentape_ratelimit_remaining")
    limit = asked.scope.vector("tokentape_ratelimit_limit")
    return [
        Alert(
            name="TokentapeErrorRatioHigh",
            expr=f"{failed} / {requests} > {limits.error_ratio:g} and {requests} > {ENOUGH}",
            wait=span(5 * MINUTE),
            severity="critical",
            summary="{{ $value | humanizePercentage }} of the requests to {{ $labels.model }} fail.",
            description="Over five minutes, clients that left aside.",
            meaning="Users see errors, or wait for retries.",
            action=(
                "Errors by type on the board of latency and errors say whether it is a limit, an "
                "overload or us."
            ),
        ),
        Alert(
            name="TokentapeRateLimited",
            expr=f"{asked.errors('rate_limit_error')} > 5",
            wait=span(0),
            severity="warning",
            summary="{{ $labels.model }} answers 429.",
            description='{{ $value | printf "%.0f" }} times in ten minutes.',
            meaning="A rate limit of the organisation is reached: SDKs wait and try again.",
            action=(
                "Room under the limits on the board of latency and errors; spread the load, or ask for more."
            ),
        ),
        Alert(
            name="TokentapeUpstreamOverloaded",
            expr=f"{asked.errors('overloaded_error')} > 5",
            wait=span(0),
            severity="warning",
            summary="{{ $labels.model }} answers 529: the API is overloaded.",
            description='{{ $value | printf "%.0f" }} times in ten minutes.',
            meaning="The API itself is short of capacity for this model.",
            action="Look at the API's status page; another model may have room.",
        ),
        Alert(
            name="TokentapeTimeToFirstTokenHigh",
            expr=f"{p95} > {limits.first_token_seconds:g} and {streams} > {ENOUGH}",
            wait=span(10 * MINUTE),
            severity="warning",
            summary="{{ $labels.model }}: p95 of the first token is {{ $value | humanizeDuration }}.",
            description="Over ten minutes of streams.",
            meaning="Users look at an empty answer for long.",
            action=(
                "Compare with the size of prompts and with added latency on proxy health, which "
                "should be tiny."
            ),
        ),
        Alert(
            name="TokentapeTruncatedRepliesHigh",
            expr=f"{cut} / {stops} > {limits.truncated_ratio:g} and {stops} > {ENOUGH}",
            wait=span(15 * MINUTE),
            severity="warning",
            summary="{{ $value | humanizePercentage }} of the replies of {{ $labels.model }} are cut off.",
            description="They ended at max_tokens: paid for, and not whole.",
            meaning="max_tokens is too small for what is asked.",
            action="Raise max_tokens, or ask for shorter answers.",
        ),
        Alert(
            name="TokentapeRateLimitNearlyExhausted",
            expr=(
                f"min by (model, kind) (max by (credential, model, kind) ({left})"
                f" / (max by (credential, model, kind) ({limit}) > 0)) < {limits.ratelimit_left:g}"
            ),
            wait=span(MINUTE),
            severity="warning",
            summary=(
                "{{ $value | humanizePercentage }} of the {{ $labels.kind }} limit of {{ "
                "$labels.model }} is left."
            ),
            description="As the API said last; before the first 429.",
            meaning="The next calls may be answered with 429.",
            action="Slow down batch work; see who sends most on the overview.",
        ),
        Alert(
            name="TokentapeStreamHung",
            expr=(
                f"max by (job, instance) ({asked.scope.vector('tokentape_oldest_inflight_seconds')})"
                f" > {limits.stream_seconds:g}"
            ),
            wait=span(MINUTE),
            severity="warning",
            summary="A request on {{ $labels.instance }} has been open for {{ $value | humanizeDuration }}.",
            description="SDKs give up after ten minutes unless told otherwise.",
            meaning="A stream hangs, or somebody runs very long ones.",
            action=(
                "`tokentape calls --follow` shows what ends; the largest gap inside streams shows silence."
            ),
        ),
        Alert(
            name="TokentapeToolLoop",
            expr=f"{asked.grown('tokentape_tool_loops_total', 10 * MINUTE, 'model', 'tool')} > 0",
            wait=span(0),
            severity="warning",
            summary="An agent calls {{ $labels.tool }} with the same input again and again.",
            description="Model {{ $labels.model }}; five identical calls or more in one conversation.",
            meaning="An agent is stuck and pays for its whole history at every turn.",
            action=(
                "`tokentape calls --sort cost` finds the session; stop it, and look at what the tool answers."
            ),
        ),
    ]


def _cache(asked: _Asked) -> list[Alert]:
    limits, span = asked.limits, asked.span
    marked = asked.grown("tokentape_cache_outcomes_total", HOUR, "model", outcome='!="unmarked"')
    ignored = asked.grown("tokentape_cache_outcomes_total", HOUR, "model", outcome="ignored")
    return [
        Alert(
            name="TokentapeCacheHitRatioLow",
            expr=f"model:tokentape_tokens:hit_ratio1h < {limits.hit_ratio:g} and {marked} > {ENOUGH}",
            wait=span(30 * MINUTE),
            severity="warning",
            summary=(
                "{{ $labels.model }}: only {{ $value | humanizePercentage }} of the prompts come "
                "from the cache."
            ),
            description="Over an hour in which requests asked for caching.",
            meaning="Prompts that should be cached are paid in full: something in their beginning changes.",
            action="The board of tokens and cache: which project, and reads per write.",
        ),
        Alert(
            name="TokentapeCacheMarkedButIgnored",
            expr=f"{ignored} / {marked} > {limits.ignored_ratio:g} and {marked} > {ENOUGH}",
            wait=span(30 * MINUTE),
            severity="info",
            summary="{{ $labels.model }} ignores {{ $value | humanizePercentage }} of the cache marks.",
            description="cache_control was sent, and nothing was read or written.",
            meaning="Usually the prompt is shorter than the model's minimum: the mark does nothing.",
            action="Put more in front of the mark, or leave it out.",
        ),
    ]


def _meter(asked: _Asked) -> list[Alert]:
    limits, span = asked.limits, asked.span
    job = asked.options.job
    published = asked.scope.vector("tokentape_price_table_timestamp_seconds")
    processor = asked.scope.vector("tokentape_observer_cpu_seconds_total")
    return [
        Alert(
            name="TokentapeDown",
            expr=f'up{{job="{job}"}} == 0 or absent(up{{job="{job}"}})',
            wait=span(2 * MINUTE),
            severity="critical",
            summary="Tokentape cannot be scraped.",
            description="{{ $labels.instance }} does not answer on its admin port, or is not known.",
            meaning="Nothing is measured. Traffic may still flow: the workers do not need the observer.",
            action="Ask a worker: `/.tokentape/healthz` on the proxy port. Then the proxy's log.",
        ),
        Alert(
            name="TokentapeMeterResets",
            expr=f"resets({processor}[{span(HOUR)}]) > 2",
            wait=span(0),
            severity="warning",
            summary="The counters of {{ $labels.instance }} started anew {{ $value }} times in an hour.",
            description="The observer restarts, or several proxies answer at one address.",
            meaning="Counters that go back and forth make totals wrong, by any factor.",
            action="Scrape each proxy at an address of its own; look for the observer's end in the log.",
        ),
        Alert(
            name="TokentapePriceTableStale",
            expr=f"(time() - {published}) / 86400 > {limits.price_table_days:g}",
            wait=span(HOUR),
            severity="info",
            summary='The price table is {{ $value | printf "%.0f" }} days old.',
            description="On {{ $labels.instance }}.",
            meaning="Prices may have changed since, and new models are unpriced.",
            action="`tokentape prices update`, or a newer version of tokentape.",
        ),
        Alert(
            name="TokentapeUnmeteredCalls",
            expr=f"{asked.grown('tokentape_unmetered_calls_total', 10 * MINUTE, 'instance')} > 0",
            wait=span(0),
            severity="warning",
            summary='{{ $value | printf "%.0f" }} calls on {{ $labels.instance }} went by unmetered.',
            description="Carried, and not understood: they are in no figure.",
            meaning="The observer was down, or further behind than its workers could wait for.",
            action="Proxy health: buffers and processor time; `unmetered` by reason.",
        ),
    ]
