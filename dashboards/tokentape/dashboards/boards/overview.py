"""Overview: how much, on what, is it normal, and what is wrong?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.dashboards import colours
from tokentape.dashboards.boards.frame import frame, scope_of
from tokentape.dashboards.boards.links import to_model
from tokentape.dashboards.layout import Row
from tokentape.dashboards.panels import (
    COUNT,
    PERCENT,
    SECONDS,
    SHORT,
    USD,
    Column,
    Look,
    Panel,
    Query,
    bars,
    course,
    headline,
    listing,
)
from tokentape.dashboards.queries import health, money, tokens, traffic
from tokentape.dashboards.queries.series import or_zero, some

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from tokentape.dashboards.options import Options
    from tokentape.dashboards.queries.series import Scope

_MONEY = Look(unit=USD, colour=colours.MONEY)
_EACH = Look(unit=USD)
_NONE_WANTED = Look(unit=COUNT, decimals=0, steps=((None, colours.GOOD), (1, colours.BAD)))


def overview(options: Options) -> Dashboard:
    """The board."""
    scope = scope_of(options)
    return frame(
        options,
        [
            Row("How much", 4, _headlines(options, scope)),
            Row("On what", 9, [(14, _by_model(scope)), (10, _by_kind(scope))]),
            Row("Who", 9, [(16, _models(options, scope)), (8, _projects(options, scope))]),
            Row("Is it normal", 8, [(12, _weeks(scope)), (12, _requests(scope))]),
            Row("What could be cheaper", 7, _savings(scope)),
        ],
        name="overview",
        title="Overview",
        question="How much is spent, on what, is it normal, and what is wrong?",
    )


def _headlines(options: Options, scope: Scope) -> list[tuple[int, Panel]]:
    warn, full = options.thresholds.budget_warning, options.thresholds.budget_critical
    return [
        (
            4,
            headline(
                "Spend in range",
                "Sum of the bills of the range shown. Neither unpriced calls nor subscriptions are in it.",
                _MONEY,
                Query(money.spend(scope)),
            ),
        ),
        (
            4,
            headline(
                "Burn rate an hour",
                "USD an hour, now; behind it the course over the range.",
                _MONEY,
                Query(money.burn_rate(scope)),
                spark="rate",
            ),
        ),
        (
            5,
            headline(
                "Today and this month",
                "From the ledger, so exact over restarts; all projects, whatever is chosen above. Days and "
                "months are those of the proxy's --timezone.",
                _MONEY,
                Query(money.ledger_spend(scope, "day"), "today"),
                Query(money.ledger_spend(scope, "month"), "month"),
            ),
        ),
        (
            4,
            bars(
                "Budget used",
                "Spend of the ledger over the budgets that the proxy was given; empty without a budget.",
                Look(
                    unit=PERCENT,
                    decimals=0,
                    least=0,
                    most=1,
                    steps=((None, colours.GOOD), (warn, colours.WARNING), (full, colours.BAD)),
                ),
                Query(money.budget_used(scope, "day"), "day"),
                Query(money.budget_used(scope, "month"), "month"),
            ),
        ),
        (
            3,
            headline(
                "Error ratio",
                "Requests of the range that failed over all; clients that left are no errors.",
                Look(
                    unit=PERCENT,
                    decimals=1,
                    steps=(
                        (None, colours.GOOD),
                        (options.thresholds.error_ratio / 5, colours.WARNING),
                        (options.thresholds.error_ratio, colours.BAD),
                    ),
                ),
                Query(traffic.error_ratio(scope)),
            ),
        ),
        (
            4,
            headline(
                "Unpriced, unmetered",
                "Calls of the range without a known price, and calls that were carried but not understood. "
                "While either is above 0, the money shown is too little.",
                _NONE_WANTED,
                Query(or_zero(money.unpriced(scope)), "unpriced"),
                Query(or_zero(health.unmetered(scope)), "unmetered"),
            ),
        ),
    ]


def _by_model(scope: Scope) -> Panel:
    return course(
        "Spend an hour by model",
        "USD an hour by served model, stacked to the total.",
        _EACH,
        Query(some(money.burn_rate(scope, "model")), "{{model}}"),
        stacked=True,
    )


def _by_kind(scope: Scope) -> Panel:
    return bars(
        "Cost by kind",
        "USD of the range by what it was paid for. The kinds are disjoint and add up to the spend.",
        Look(unit=USD, names=colours.TOKEN_KINDS),
        Query(f"sort_desc({some(money.spend(scope, 'kind'))})", "{{kind}}"),
    )


def _models(options: Options, scope: Scope) -> Panel:
    return listing(
        "Models",
        "The range by served model. Hit ratio: cache reads over the whole prompt. TTFT: time to the first "
        "token of streams, 95th percentile over the last interval.",
        {"model": "Model"},
        Column(title="Requests", expr=some(traffic.count(scope, "model")), look=Look(unit=COUNT, decimals=0)),
        Column(title="Tokens", expr=some(tokens.used(scope, "model")), look=Look(unit=SHORT, decimals=1)),
        Column(
            title="Spend",
            expr=some(money.spend(scope, "model")),
            look=Look(unit=USD, decimals=2, colour=colours.MONEY),
            bar=True,
        ),
        Column(
            title="USD per 1k",
            expr=money.cost_per_thousand(scope, "model"),
            look=Look(unit=USD, decimals=2),
        ),
        Column(title="Hit ratio", expr=tokens.hit_ratio(scope, "model"), look=Look(unit=PERCENT, decimals=0)),
        Column(
            title="p95 TTFT",
            expr=traffic.first_token(scope, 0.95, "model"),
            look=Look(unit=SECONDS, decimals=1),
        ),
        sort="Spend",
        links={"model": to_model(options)},
    )


def _projects(options: Options, scope: Scope) -> Panel:
    label = options.metric_labels[0] if options.metric_labels else "model"
    return bars(
        f"Top {label}s",
        f"USD of the range by {label}, the ten dearest.",
        _MONEY,
        Query(f"topk(10, {some(money.spend(scope, label))})", f"{{{{{label}}}}}"),
    )


def _weeks(scope: Scope) -> Panel:
    return course(
        "This week against the last",
        "USD an hour, now and seven days earlier.",
        Look(unit=USD, names={"now": colours.MONEY, "a week ago": "gray"}),
        Query(money.burn_rate(scope), "now"),
        Query(money.burn_rate(scope, offset="1w"), "a week ago"),
    )


def _requests(scope: Scope) -> Panel:
    return course(
        "Requests by status",
        "Attempts a minute by the HTTP status that the client saw; `none` where it left before it saw one.",
        Look(unit=SHORT, names=colours.STATUSES),
        Query(some(traffic.a_minute(scope, "status")), "{{status}}"),
        stacked=True,
    )


def _savings(scope: Scope) -> list[tuple[int, Panel]]:
    return [
        (
            5,
            headline(
                "Saved by the cache",
                "What cache reads of the range would have cost as input, less what cache writes cost beyond "
                "it. Negative where caches are written and not read.",
                Look(unit=USD, steps=((None, colours.BAD), (0, colours.GOOD))),
                Query(money.saved_by_cache(scope)),
            ),
        ),
        (
            5,
            headline(
                "Batches: share and saving",
                "Results of batches over all priced calls of the range, and what they would have cost more "
                "at the ordinary price.",
                Look(unit=USD, colour=colours.GOOD, units={"share of calls": PERCENT}),
                Query(or_zero(money.batch_savings(scope)), "saved"),
                Query(or_zero(money.batch_share(scope)), "share of calls"),
            ),
        ),
        (
            9,
            bars(
                "Short answers, priced at each model",
                "Calls of the chosen models that ended their turn in at most 200 tokens: what their tokens "
                "cost at the list price of the models in use, and of the three cheapest. Whether "
                "those answer as well, only you can say.",
                _EACH,
                Query(f"sort_desc({money.short_answers_elsewhere(scope)})", "{{at}}"),
            ),
        ),
        (
            5,
            headline(
                "Subscription, at API prices",
                "What calls on a subscription would have cost at API prices. It is no money, and in no other "
                "figure of this board.",
                Look(unit=USD, colour="gray"),
                Query(or_zero(money.subscription_equivalent(scope))),
            ),
        ),
    ]
