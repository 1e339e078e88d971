"""Example queries, one list a group of metrics: a question, and PromQL that answers it."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "requests": (
        ("Requests a second by model", "sum by (model) (rate(tokentape_requests_total[5m]))"),
        (
            "Share of requests that did not end well",
            (
                'sum(rate(tokentape_requests_total{outcome!="ok"}[5m]))'
                " / sum(rate(tokentape_requests_total[5m]))"
            ),
        ),
        (
            "Overloads and rate limits in the last hour, by project",
            (
                "sum by (project, error_type) (increase("
                'tokentape_errors_total{error_type=~"overloaded_error|rate_limit_error"}[1h]))'
            ),
        ),
        ("Retries by cause", "sum by (cause) (increase(tokentape_retries_total[1h]))"),
    ),
    "tokens": (
        ("Tokens a minute by kind", "60 * sum by (kind) (rate(tokentape_tokens_total[5m]))"),
        (
            "Share of the input that came from the cache",
            (
                'sum(rate(tokentape_tokens_total{kind="cache_read"}[1h]))'
                ' / sum(rate(tokentape_tokens_total{kind!="output"}[1h]))'
            ),
        ),
        (
            "Input size, 95th percentile, by model",
            "histogram_quantile(0.95, sum by (model, le) (rate(tokentape_request_input_tokens_bucket[1h])))",
        ),
    ),
    "cost": (
        ("Spend in the last day by project", "sum by (project) (increase(tokentape_cost_usd_total[1d]))"),
        (
            "Calls without a price, which no money headline contains",
            'sum(increase(tokentape_priced_calls_total{status="unpriced"}[1d]))',
        ),
        (
            "Spend of this month, exact over restarts, once for each ledger",
            'max by (ledger, project) (tokentape_spend_usd{project="_all", window="month"})',
        ),
    ),
    "replies": (
        (
            "Share of replies cut at max_tokens",
            (
                'sum(rate(tokentape_stop_reasons_total{stop_reason="max_tokens"}[1h]))'
                " / sum(rate(tokentape_stop_reasons_total[1h]))"
            ),
        ),
        (
            "Requests marked for caching that were not cached",
            'sum by (model, project) (increase(tokentape_cache_outcomes_total{outcome="ignored"}[1d]))',
        ),
        ("The ten most used tools", "topk(10, sum by (tool) (increase(tokentape_tool_calls_total[1d])))"),
    ),
    "latency": (
        (
            "Time to first token, 95th percentile, by model",
            (
                "histogram_quantile(0.95, sum by (model, le)"
                ' (rate(tokentape_time_to_first_token_seconds_bucket{kind="any"}[5m])))'
            ),
        ),
        (
            "Duration of streams, median",
            (
                "histogram_quantile(0.5, sum by (le)"
                ' (rate(tokentape_request_duration_seconds_bucket{stream="true"}[5m])))'
            ),
        ),
    ),
    "limits": (
        (
            "The tightest rate limit, as a share that is left",
            "min by (model, kind) (tokentape_ratelimit_remaining / tokentape_ratelimit_limit)",
        ),
        (
            "Seconds until it is whole again",
            "min by (model, kind) (tokentape_ratelimit_reset_timestamp_seconds) - time()",
        ),
    ),
    "proxy": (
        (
            "Added latency, 95th percentile",
            (
                "histogram_quantile(0.95, sum by (direction, le)"
                " (rate(tokentape_added_latency_seconds_bucket[5m])))"
            ),
        ),
        (
            "Calls that no other metric counts",
            "sum by (reason) (increase(tokentape_unmetered_calls_total[1d]))",
        ),
        ("Signs that the API has changed", "sum by (event) (increase(tokentape_unknown_events_total[1d]))"),
    ),
    "workers": (
        ("CPU cores in use", "sum by (worker) (rate(tokentape_worker_cpu_seconds_total[5m]))"),
        ("Event loop lag at its worst", "max_over_time(tokentape_worker_event_loop_lag_seconds[5m])"),
    ),
}
