"""Latency and errors: how long do users wait, and what fails?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.dashboards import colours
from tokentape.dashboards.boards.frame import frame, scope_of
from tokentape.dashboards.layout import Row
from tokentape.dashboards.panels import (
    COUNT,
    PERCENT,
    SECONDS,
    SHORT,
    Look,
    Panel,
    Query,
    bars,
    course,
    headline,
)
from tokentape.dashboards.queries import tokens, traffic
from tokentape.dashboards.queries.series import or_none, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from tokentape.dashboards.options import Options
    from tokentape.dashboards.queries.series import Scope

_QUANTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
_TIMES = Look(unit=SECONDS, names=colours.QUANTILES)


def latency_and_errors(options: Options) -> Dashboard:
    """The board."""
    scope = scope_of(options)
    return frame(
        options,
        [
            Row("How long, how often", 4, _headlines(options, scope)),
            Row("How long users wait", 9, [(12, _first_token(scope)), (12, _duration(scope))]),
            Row("Inside a stream", 7, [(12, _speed(scope)), (12, _gaps(scope))]),
            Row("What fails", 8, [(8, _errors(scope)), (8, _endings(scope)), (8, _retries(scope))]),
            Row("Room under the limits", 8, [(12, _against_limits(scope)), (12, _headroom(options, scope))]),
            Row("Why models stop", 7, [(12, _stop_reasons(scope)), (12, _truncated(scope))]),
        ],
        name="latency",
        title="Latency and errors",
        question="How long do users wait, what fails, and how much room is under the limits?",
    )


def _headlines(options: Options, scope: Scope) -> list[tuple[int, Panel]]:
    slow = options.thresholds.first_token_seconds
    wait = ((None, colours.GOOD), (slow / 2, colours.WARNING), (slow, colours.BAD))
    failing = options.thresholds.error_ratio
    errors = ((None, colours.GOOD), (failing / 5, colours.WARNING), (failing, colours.BAD))
    hanging = options.thresholds.stream_seconds
    age = ((None, colours.GOOD), (hanging / 2, colours.WARNING), (hanging, colours.BAD))
    return [
        (
            5,
            headline(
                "Time to first token, p95",
                "Of streams: from the request to the first content delta, now.",
                Look(unit=SECONDS, decimals=1, steps=wait),
                Query(traffic.first_token(scope, 0.95)),
            ),
        ),
        (
            5,
            headline(
                "Duration, p95",
                "Of message calls: from the request to the last byte, now.",
                Look(unit=SECONDS, decimals=1, colour="text"),
                Query(traffic.duration(scope, 0.95)),
            ),
        ),
        (
            5,
            headline(
                "Error ratio",
                "Requests of the range that failed over all; clients that left are no errors.",
                Look(unit=PERCENT, decimals=2, steps=errors),
                Query(traffic.error_ratio(scope)),
            ),
        ),
        (
            4,
            headline(
                "Requests a minute",
                "Attempts a minute, retries included, now.",
                Look(unit=SHORT, decimals=1, colour="text"),
                Query(traffic.a_minute(scope)),
                spark="rate",
            ),
        ),
        (
            5,
            headline(
                "Oldest open request",
                "Age of the oldest request under way. A stream that hangs is seen here before it times out.",
                Look(unit=SECONDS, decimals=0, steps=age),
                Query(f"max({scope.vector('tokentape_oldest_inflight_seconds')})"),
            ),
        ),
    ]


def _first_token(scope: Scope) -> Panel:
    return course(
        "Time to first token",
        "From the request to the first content delta of a stream, thinking included. The dots are single "
        "requests: their trace and request ids are behind them.",
        _TIMES,
        *(Query(traffic.first_token(scope, q), name, exemplar=True) for q, name in _QUANTILES),
    )


def _duration(scope: Scope) -> Panel:
    return course(
        "Duration",
        "From the request to the last byte of message calls. The dots are single requests.",
        _TIMES,
        *(Query(traffic.duration(scope, q), name, exemplar=True) for q, name in _QUANTILES),
    )


def _speed(scope: Scope) -> Panel:
    return course(
        "Output tokens a second",
        "Median speed of streams by model, from the first to the last token.",
        Look(unit=COUNT, decimals=0),
        Query(scope.quantile(0.5, "tokentape_output_tokens_per_second", "model"), "{{model}}"),
    )


def _gaps(scope: Scope) -> Panel:
    return course(
        "Longest silence inside a stream",
        "95th percentile of the longest wait between two neighbouring events of a stream, by model.",
        Look(unit=SECONDS),
        Query(scope.quantile(0.95, "tokentape_stream_max_gap_seconds", "model"), "{{model}}"),
    )


def _errors(scope: Scope) -> Panel:
    return course(
        "Errors by type",
        "Failures a minute by the API's error type (rate_limit_error is 429, overloaded_error 529), or by "
        "the proxy's own reason.",
        Look(unit=SHORT, names=colours.ERRORS),
        Query(traffic.errors_a_minute(scope, "error_type"), "{{error_type}}"),
        stacked=True,
    )


def _endings(scope: Scope) -> Panel:
    return course(
        "Replies that did not end well",
        "Requests a minute that were cut off: by the client, by upstream, by a timeout, by an error inside a "
        "stream under status 200.",
        Look(unit=SHORT, names=colours.OUTCOMES),
        Query(traffic.ended_a_minute(scope), "{{outcome}}"),
        stacked=True,
    )


def _retries(scope: Scope) -> Panel:
    return course(
        "Retries by cause",
        "Attempts a minute that repeat an earlier one, by what happened to that one.",
        Look(unit=SHORT, names=colours.ERRORS),
        Query(traffic.retries_a_minute(scope), "{{cause}}"),
        stacked=True,
    )


def _against_limits(scope: Scope) -> Panel:
    return course(
        "Requests and input tokens against their limits",
        "What is sent a minute as a share of the rate limits that the API named, summed over models and "
        "credentials.",
        Look(unit=PERCENT, decimals=1, least=0),
        Query(f"{traffic.a_minute(scope)} / {traffic.limit(scope, 'requests')}", "requests"),
        Query(
            f"{tokens.a_minute(scope, kind=tokens.UNCACHED)} / {traffic.limit(scope, 'input_tokens')}",
            "input tokens",
        ),
        Query(
            f"{tokens.a_minute(scope, kind='output')} / {traffic.limit(scope, 'output_tokens')}",
            "output tokens",
        ),
    )


def _headroom(options: Options, scope: Scope) -> Panel:
    low = options.thresholds.ratelimit_left
    return bars(
        "Least left of the rate limits",
        "The least that replies of the range said was left, by model and kind, of the credential that had "
        "least; and of a subscription's windows.",
        Look(
            unit=PERCENT,
            decimals=0,
            least=0,
            most=1,
            steps=((None, colours.BAD), (low, colours.WARNING), (3 * low, colours.GOOD)),
        ),
        Query(f"sort({traffic.limit_left(scope)})", "{{model}} {{kind}}"),
        Query(traffic.subscription_left(scope), "subscription {{window}}"),
    )


def _stop_reasons(scope: Scope) -> Panel:
    reasons = total(scope.per_second("tokentape_stop_reasons_total"), "stop_reason")
    return course(
        "Stop reasons",
        "Replies a minute by the reason for which the model stopped.",
        Look(unit=SHORT, names=colours.STOP_REASONS),
        Query(f"60 * {reasons}", "{{stop_reason}}"),
        stacked=True,
    )


def _truncated(scope: Scope) -> Panel:
    return bars(
        "Cut off by max_tokens",
        "Share of the replies of the range that ended at max_tokens, by model: paid for, and not whole.",
        Look(
            unit=PERCENT,
            decimals=1,
            least=0,
            steps=((None, colours.GOOD), (0.02, colours.WARNING), (0.05, colours.BAD)),
        ),
        Query(or_none(f"sort_desc({traffic.truncated_ratio(scope, 'model')})", "model"), "{{model}}"),
    )
