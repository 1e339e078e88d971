"""Questions about requests: how many, how fast, how they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.dashboards.queries.series import RANGE, none_of, per_minute, share, total

if TYPE_CHECKING:
    from tokentape.dashboards.queries.series import Scope

REQUESTS: Final = "tokentape_requests_total"
FAILED: Final = none_of("ok", "client_abort")
"""A client that left is no error."""
DURATION: Final = "tokentape_request_duration_seconds"
FIRST_TOKEN: Final = "tokentape_time_to_first_token_seconds"  # noqa: S105 - no password, a metric


def count(scope: Scope, *by: str, **where: str) -> str:
    """Requests of the range."""
    return total(scope.in_range(REQUESTS, **where), *by)


def a_minute(scope: Scope, *by: str, **where: str) -> str:
    """Requests a minute."""
    return per_minute(total(scope.per_second(REQUESTS, **where), *by))


def error_ratio(scope: Scope, *by: str) -> str:
    """Share of the requests of the range that failed."""
    return share(count(scope, *by, outcome=FAILED), count(scope, *by))


def errors_a_minute(scope: Scope, *by: str) -> str:
    """Failures a minute."""
    return per_minute(total(scope.per_second("tokentape_errors_total"), *by))


def ended_a_minute(scope: Scope) -> str:
    """Requests a minute that did not end well, by how they ended."""
    return a_minute(scope, "outcome", outcome=none_of("ok", "api_error"))


def retries_a_minute(scope: Scope) -> str:
    """Attempts a minute that repeat an earlier one, by its cause."""
    return per_minute(total(scope.per_second("tokentape_retries_total"), "cause"))


def stop_reasons(scope: Scope, *by: str, **where: str) -> str:
    """Replies of the range by stop reason."""
    return total(scope.in_range("tokentape_stop_reasons_total", **where), *by)


def truncated_ratio(scope: Scope, *by: str) -> str:
    """Share of the replies of the range that `max_tokens` cut off."""
    return share(stop_reasons(scope, *by, stop_reason="max_tokens"), stop_reasons(scope, *by))


def first_token(scope: Scope, q: float, *by: str) -> str:
    """Quantile of the time to the first token of a stream, seconds."""
    return scope.quantile(q, FIRST_TOKEN, *by, kind="any")


def duration(scope: Scope, q: float, *by: str) -> str:
    """Quantile of the whole duration of message calls, seconds."""
    return scope.quantile(q, DURATION, *by, endpoint="/v1/messages")


def limit_left(scope: Scope) -> str:
    """The least share of each rate limit that was left in the range, by model and kind.

    Of the tightest credential. A limit that is whole again is not shown by the proxy: nothing is known of
    it between its reset and the next reply, so the least of the range is asked for and not the last.
    """
    by = "credential, model, kind"
    left = f"min by ({by}) (min_over_time({scope.vector('tokentape_ratelimit_remaining')}[{RANGE}]))"
    limit = f"max by ({by}) (last_over_time({scope.vector('tokentape_ratelimit_limit')}[{RANGE}]))"
    return f"min by (model, kind) ({left} / ({limit} > 0))"


def subscription_left(scope: Scope) -> str:
    """The least share of a subscription's windows that was left in the range."""
    used = scope.vector("tokentape_ratelimit_utilization_ratio")
    return f"1 - max by (window) (max_over_time({used}[{RANGE}]))"


def limit(scope: Scope, kind: str) -> str:
    """A rate limit a minute as it was last named, summed over models and credentials."""
    named = f"last_over_time({scope.vector('tokentape_ratelimit_limit', kind=kind)}[{RANGE}])"
    return f"sum(max by (credential, model) ({named}))"


def tool_loops(scope: Scope, *by: str) -> str:
    """Requests of the range that repeat one identical tool call."""
    return total(scope.in_range("tokentape_tool_loops_total"), *by)


def substitutions(scope: Scope) -> str:
    """Replies of the range by another model than was asked for."""
    return total(scope.in_range("tokentape_model_substitutions_total"), "asked", "served")
