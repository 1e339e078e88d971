"""Questions about the proxy itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.dashboards.queries.series import total

if TYPE_CHECKING:
    from tokentape.dashboards.queries.series import Scope


def unmetered(scope: Scope, *by: str) -> str:
    """Calls of the range that were carried and not understood."""
    return total(scope.in_range("tokentape_unmetered_calls_total"), *by)


def ledger_lost(scope: Scope, *by: str) -> str:
    """Calls of the range that are metered and not in the ledger."""
    return total(scope.in_range("tokentape_ledger_lost_calls_total"), *by)


def down(scope: Scope) -> str:
    """How many proxies do not answer; nothing where all do."""
    return f"count({_scrape('up', scope)} == 0)"


def scraped(scope: Scope) -> str:
    """Series in the last scrape of each proxy."""
    return f"max by (instance) ({_scrape('scrape_samples_scraped', scope)})"


def _scrape(name: str, scope: Scope) -> str:
    """A metric that Prometheus makes of each scrape."""
    matchers = ",".join(f'{label}=~"${label}"' for label in scope.scrape_labels)
    return f"{name}{{{matchers}}}"


def restarts(scope: Scope) -> str:
    """How often the observer and the workers were started anew in the range."""
    observer = f"sum(changes({scope.vector('tokentape_observer_start_timestamp_seconds')}[$__range]))"
    workers = total(scope.in_range("tokentape_worker_restarts_total"))
    return f"({observer} or vector(0)) + ({workers} or vector(0))"


def added(scope: Scope, q: float) -> str:
    """Quantile of the time between receiving bytes and passing them on, by direction, seconds."""
    return scope.quantile(q, "tokentape_added_latency_seconds", "direction")


def processor(scope: Scope, who: str) -> str:
    """Processor time a second of the observer, or of each worker."""
    if who == "observer":
        return total(scope.per_second("tokentape_observer_cpu_seconds_total"), "instance")
    return total(scope.per_second("tokentape_worker_cpu_seconds_total"), "instance", "worker")


def puzzles(scope: Scope) -> str:
    """Calls of the range of which something was not understood, by what it was."""
    broken = total(scope.in_range("tokentape_parse_errors_total"), "reason")
    unknown = total(scope.in_range("tokentape_unknown_events_total"), "event")
    return f"{_what(broken, 'reason')} or {_what(unknown, 'event')}"


def _what(expression: str, label: str) -> str:
    return f'label_replace({expression}, "what", "$1", "{label}", "(.*)")'
