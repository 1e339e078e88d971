"""Model detail: what one model costs, how it does, and what else it could cost."""

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
from tokentape.dashboards.queries import money, tokens, traffic
from tokentape.dashboards.queries.series import or_none, or_zero, some

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from tokentape.dashboards.options import Options
    from tokentape.dashboards.queries.series import Scope

_MONEY = Look(unit=USD, colour=colours.MONEY)


def model_detail(options: Options) -> Dashboard:
    """The board."""
    scope = scope_of(options)
    label = options.metric_labels[0] if options.metric_labels else "model"
    return frame(
        options,
        [
            Row("What it costs", 4, _headlines(scope)),
            Row("For whom", 9, [(12, _by_project(scope, label)), (12, _projects(scope, label))]),
            Row("A call", 8, [(12, _call_cost(scope)), (12, _tokens(scope))]),
            Row("How it does", 8, [(8, _waits(scope)), (6, _reasons(scope)), (10, _served(scope))]),
            Row("Prices", 8, [(10, _price(scope)), (14, _elsewhere(scope))]),
        ],
        name="model",
        title="Model detail",
        question="What does one model cost, how does it do, and what else could it cost?",
        one_model=True,
    )


def _headlines(scope: Scope) -> list[tuple[int, Panel]]:
    return [
        (5, headline("Spend in range", "Sum of the bills of this model.", _MONEY, Query(money.spend(scope)))),
        (
            5,
            headline(
                "Requests",
                "Attempts of the range, retries included.",
                Look(unit=COUNT, decimals=0, colour="text"),
                Query(traffic.count(scope)),
            ),
        ),
        (
            5,
            headline(
                "USD per 1k requests",
                "A thousand times the spend of the range over its priced calls.",
                _MONEY,
                Query(money.cost_per_thousand(scope)),
            ),
        ),
        (
            5,
            headline(
                "Hit ratio",
                "Cache reads over the whole prompt of the range.",
                Look(unit=PERCENT, decimals=1, colour="text"),
                Query(tokens.hit_ratio(scope)),
            ),
        ),
        (
            4,
            headline(
                "Unpriced",
                "Calls of the range whose price is not known: their cost is in no figure.",
                Look(unit=COUNT, decimals=0, steps=((None, colours.GOOD), (1, colours.BAD))),
                Query(or_zero(money.unpriced(scope))),
            ),
        ),
    ]


def _by_project(scope: Scope, label: str) -> Panel:
    return course(
        f"Spend an hour by {label}",
        f"USD an hour by {label}, stacked to the total of this model.",
        Look(unit=USD),
        Query(some(money.burn_rate(scope, label)), f"{{{{{label}}}}}"),
        stacked=True,
    )


def _projects(scope: Scope, label: str) -> Panel:
    return listing(
        f"{label.capitalize()}s",
        "Of the range. Unpriced calls are in the requests, and in no figure of money.",
        {label: label.capitalize()},
        Column(title="Requests", expr=some(traffic.count(scope, label)), look=Look(unit=COUNT, decimals=0)),
        Column(
            title="Spend",
            expr=some(money.spend(scope, label)),
            look=Look(unit=USD, decimals=2, colour=colours.MONEY),
            bar=True,
        ),
        Column(
            title="USD per 1k", expr=money.cost_per_thousand(scope, label), look=Look(unit=USD, decimals=2)
        ),
        Column(title="Hit ratio", expr=tokens.hit_ratio(scope, label), look=Look(unit=PERCENT, decimals=0)),
        Column(title="Errors", expr=traffic.error_ratio(scope, label), look=Look(unit=PERCENT, decimals=1)),
        sort="Spend",
    )


def _call_cost(scope: Scope) -> Panel:
    cost = "tokentape_request_cost_usd"
    return course(
        "Cost of a call",
        "Quantiles of the cost of one call, between boundaries of 1, 5, 10, 50 … The highest one (p100) is "
        "the boundary above the dearest call.",
        Look(unit=USD, names={"p50": "green", "p95": "orange", "p100": "red"}),
        Query(scope.quantile(0.5, cost), "p50"),
        Query(scope.quantile(0.95, cost), "p95"),
        Query(scope.quantile(1, cost), "p100"),
    )


def _tokens(scope: Scope) -> Panel:
    return course(
        "Tokens a minute by kind",
        "The kinds are disjoint: input is what no cache had.",
        Look(unit=SHORT, names=colours.TOKEN_KINDS),
        Query(tokens.a_minute(scope, "kind"), "{{kind}}"),
        stacked=True,
    )


def _waits(scope: Scope) -> Panel:
    return course(
        "Time to first token",
        "Of this model's streams.",
        Look(unit=SECONDS, names=colours.QUANTILES),
        Query(traffic.first_token(scope, 0.5), "p50"),
        Query(traffic.first_token(scope, 0.95), "p95", exemplar=True),
    )


def _reasons(scope: Scope) -> Panel:
    return bars(
        "Stop reasons",
        "Replies of the range.",
        Look(unit=COUNT, decimals=0, names=colours.STOP_REASONS),
        Query(f"sort_desc({some(traffic.stop_reasons(scope, 'stop_reason'))})", "{{stop_reason}}"),
    )


def _served(scope: Scope) -> Panel:
    return bars(
        "Asked for, and served by another",
        "Replies of the range by another model than the one asked for, dates and aliases aside. Of all "
        "models: who asked for this one, and what this one stood in for.",
        Look(unit=COUNT, decimals=0),
        Query(
            or_none(f"sort_desc({traffic.substitutions(scope)} > 0)", "asked", "served"),
            "{{asked}} → {{served}}",
        ),
    )


def _price(scope: Scope) -> Panel:
    figure = scope.vector("tokentape_price_usd_per_million_tokens")
    return bars(
        "Price in effect, USD for a million tokens",
        "Of short prompts, at the ordinary tier; your own prices and discounts included.",
        Look(unit=USD, names=colours.TOKEN_KINDS),
        Query(f"max by (kind) ({figure})", "{{kind}}"),
    )


def _elsewhere(scope: Scope) -> Panel:
    return bars(
        "The same tokens at each model's list price",
        "This model's tokens of the range, at the list price of the models in use and of the three cheapest. "
        "Tiers, batches and other tokenisers are left out.",
        Look(unit=USD),
        Query(f"sort_desc({money.elsewhere(scope, tokens.used(scope, 'kind'))})", "{{at}}"),
    )
