"""Proxy health: can the figures be trusted, and is the proxy in the way?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.dashboards import colours
from tokentape.dashboards.boards.frame import frame, scope_of
from tokentape.dashboards.layout import Row
from tokentape.dashboards.panels import COUNT, SECONDS, SHORT, USD, Look, Panel, Query, bars, course, headline
from tokentape.dashboards.queries import health, money
from tokentape.dashboards.queries.series import or_none, or_zero, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from tokentape.dashboards.options import Options
    from tokentape.dashboards.queries.series import Scope

_NONE_WANTED = Look(unit=COUNT, decimals=0, steps=((None, colours.GOOD), (1, colours.BAD)))
_BYTES = Look(unit="bytes")
_FIRING = 'ALERTS{alertname=~"Tokentape.*",alertstate="firing"}'


def proxy_health(options: Options) -> Dashboard:
    """The board."""
    scope = scope_of(options)
    return frame(
        options,
        [
            Row("Can the figures be trusted", 4, _headlines(options, scope)),
            Row("Is it in the way", 8, [(12, _added(scope)), (6, _inflight(scope)), (6, _lag(scope))]),
            Row("What it takes", 8, [(8, _processor(scope)), (8, _memory(scope)), (8, _buffers(scope))]),
            Row("What it did not get", 7, [(8, _losses(scope)), (8, _puzzles(scope)), (8, _firing())]),
            Row("Meter against ledger", 7, [(14, _ledger(scope)), (10, _series(scope))]),
        ],
        name="health",
        title="Proxy health",
        question="Can the figures be trusted, and is the proxy in the way?",
    )


def _headlines(options: Options, scope: Scope) -> list[tuple[int, Panel]]:
    old = options.thresholds.price_table_days
    age = ((None, colours.GOOD), (old / 2, colours.WARNING), (old, colours.BAD))
    return [
        (
            4,
            headline(
                "Up, by version",
                "How many proxies answer, by what they run; `down` are those that do not.",
                Look(unit=COUNT, decimals=0, colour=colours.GOOD, names={"down": colours.BAD}),
                Query(total(scope.vector("tokentape_build_info"), "version"), "{{version}}"),
                Query(health.down(scope), "down"),
            ),
        ),
        (
            4,
            headline(
                "Unmetered calls",
                "Carried in the range, and not understood: they are in no figure of any board.",
                _NONE_WANTED,
                Query(or_zero(health.unmetered(scope))),
            ),
        ),
        (
            4,
            headline(
                "Lost by the ledger",
                "Metered in the range, and not in the ledger: it was away for too long, or refused them.",
                _NONE_WANTED,
                Query(or_zero(health.ledger_lost(scope))),
            ),
        ),
        (
            4,
            headline(
                "Unpriced calls",
                "Of the range: their cost is in no figure of money.",
                _NONE_WANTED,
                Query(or_zero(money.unpriced(scope))),
            ),
        ),
        (
            4,
            headline(
                "Restarts",
                "Of observers and workers in the range. Counters start anew with the observer.",
                _NONE_WANTED,
                Query(health.restarts(scope)),
            ),
        ),
        (
            4,
            headline(
                "Age of the price table",
                "Days since the date of the prices in use; `tokentape prices update` brings newer ones.",
                Look(unit="d", decimals=0, steps=age),
                Query(money.price_age_days(scope)),
            ),
        ),
    ]


def _added(scope: Scope) -> Panel:
    return course(
        "Latency that the proxy adds",
        "Time between receiving bytes and passing them on, by direction: median and 99th percentile.",
        Look(unit=SECONDS),
        Query(health.added(scope, 0.5), "{{direction}} p50"),
        Query(health.added(scope, 0.99), "{{direction}} p99"),
    )


def _inflight(scope: Scope) -> Panel:
    return course(
        "Requests under way",
        "In all workers of a proxy.",
        Look(unit=COUNT, decimals=0),
        Query(total(scope.vector("tokentape_inflight_requests"), "instance"), "{{instance}}"),
    )


def _lag(scope: Scope) -> Panel:
    lag = scope.vector("tokentape_worker_event_loop_lag_seconds")
    return course(
        "Event loop lag",
        "By how much a worker's event loop woke late, at its worst in the last second.",
        Look(unit=SECONDS),
        Query(f"max by (instance, worker) ({lag})", "{{instance}} {{worker}}"),
    )


def _processor(scope: Scope) -> Panel:
    return course(
        "Processor time",
        "Seconds of processor time a second; 1 is a whole processor.",
        Look(unit=SHORT, decimals=2),
        Query(health.processor(scope, "observer"), "{{instance}} observer"),
        Query(health.processor(scope, "worker"), "{{instance}} {{worker}}"),
    )


def _memory(scope: Scope) -> Panel:
    observer = total(scope.vector("tokentape_observer_resident_memory_bytes"), "instance")
    workers = total(scope.vector("tokentape_worker_resident_memory_bytes"), "instance", "worker")
    return course(
        "Memory",
        "Resident memory of the processes.",
        _BYTES,
        Query(observer, "{{instance}} observer"),
        Query(workers, "{{instance}} {{worker}}"),
    )


def _buffers(scope: Scope) -> Panel:
    waiting = total(scope.vector("tokentape_worker_buffered_frames_bytes"), "instance", "worker")
    return course(
        "Waiting for the observer",
        "Bytes of frames that wait in each worker. Full buffers make unmetered calls, never slow ones.",
        _BYTES,
        Query(waiting, "{{instance}} {{worker}}"),
    )


def _losses(scope: Scope) -> Panel:
    return bars(
        "Unmetered, refused and failed, by reason",
        "Of the range: calls not understood, requests that the proxy refused, consumers that failed, and "
        "what no collector took.",
        Look(unit=COUNT, decimals=0),
        Query(or_none(f"{health.unmetered(scope, 'reason')} > 0", "reason"), "unmetered: {{reason}}"),
        Query(
            f"{total(scope.in_range('tokentape_refused_requests_total'), 'reason')} > 0",
            "refused: {{reason}}",
        ),
        Query(f"{total(scope.in_range('tokentape_sink_errors_total'), 'sink')} > 0", "failed: {{sink}}"),
        Query(
            f"{total(scope.in_range('tokentape_otlp_lost_items_total'), 'signal')} > 0",
            "not exported: {{signal}}",
        ),
    )


def _puzzles(scope: Scope) -> Panel:
    return bars(
        "Not understood",
        "Calls of the range with a part that could not be read, or an event or field that this version does "
        "not know: the API may have changed.",
        Look(unit=COUNT, decimals=0),
        Query(or_none(f"sort_desc(({health.puzzles(scope)}) > 0)", "what"), "{{what}}"),
    )


def _firing() -> Panel:
    return bars(
        "Alerts that fire",
        "Of this proxy's rules, now. The runbook says what each means and what to do.",
        Look(unit=COUNT, decimals=0, colour=colours.BAD),
        Query(or_none(f"sum by (alertname) ({_FIRING})", "alertname"), "{{alertname}}"),
    )


def _ledger(scope: Scope) -> Panel:
    return course(
        "USD an hour: ledger and meter",
        "What the ledger's month grows by, and what the counters do. They part where the ledger lost calls, "
        "or where a proxy that writes to it is not scraped.",
        Look(unit=USD, names={"ledger": colours.MONEY, "meter": colours.WARNING}),
        Query(money.ledger_burn_rate(scope), "ledger"),
        Query(money.burn_rate(scope), "meter"),
    )


def _series(scope: Scope) -> Panel:
    overflow = total(scope.in_range("tokentape_label_overflows_total"), "label")
    return bars(
        "Size of a scrape",
        "Series in the last scrape of each proxy, and label values of the range beyond their bound: shown as "
        "`other`, or not at all for want of lines.",
        Look(unit=COUNT, decimals=0),
        Query(health.scraped(scope), "{{instance}}"),
        Query(or_zero(f"sum({overflow})"), "beyond a bound"),
    )
