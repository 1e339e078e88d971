"""Tokens and cache: is the prompt cache earning its keep?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.dashboards import colours
from tokentape.dashboards.boards.frame import frame, scope_of
from tokentape.dashboards.boards.links import to_model
from tokentape.dashboards.layout import Row
from tokentape.dashboards.panels import (
    COUNT,
    PERCENT,
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
from tokentape.dashboards.queries import money, tokens
from tokentape.dashboards.queries.series import or_zero, some, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from tokentape.dashboards.options import Options
    from tokentape.dashboards.queries.series import Scope


def tokens_and_cache(options: Options) -> Dashboard:
    """The board."""
    scope = scope_of(options)
    label = options.metric_labels[0] if options.metric_labels else "model"
    return frame(
        options,
        [
            Row("Does the cache pay", 4, _headlines(options, scope)),
            Row("What is sent and said", 9, [(14, _kinds(scope)), (10, _sizes(scope))]),
            Row("Hit ratio", 8, [(12, _hits(scope, "model")), (12, _hits(scope, label))]),
            Row("Reads against writes", 8, [(12, _balance(scope)), (6, _ttls(scope)), (6, _outcomes(scope))]),
            Row("Where to look first", 9, [(24, _worst(options, scope, label))]),
        ],
        name="tokens",
        title="Tokens and cache",
        question="Is the prompt cache earning its keep, and where is it not?",
    )


def _headlines(options: Options, scope: Scope) -> list[tuple[int, Panel]]:
    wanted = options.thresholds.hit_ratio
    ratio = ((None, colours.BAD), (wanted / 2, colours.WARNING), (wanted, colours.GOOD))
    return [
        (
            5,
            headline(
                "Hit ratio",
                "Cache reads over the whole prompt (input, reads and writes) of the range.",
                Look(unit=PERCENT, decimals=1, steps=ratio),
                Query(tokens.hit_ratio(scope)),
            ),
        ),
        (
            5,
            headline(
                "Saved by the cache",
                "What reads of the range would have cost as input, less what writes cost beyond it.",
                Look(unit=USD, steps=((None, colours.BAD), (0, colours.GOOD))),
                Query(money.saved_by_cache(scope)),
            ),
        ),
        (
            5,
            headline(
                "Cost of writes",
                "USD paid for cache writes in the range; a part of the spend.",
                Look(unit=USD, colour=colours.TOKEN_KINDS["cache_write_5m"]),
                Query(tokens.write_cost(scope)),
            ),
        ),
        (
            4,
            headline(
                "Reads per write",
                "How often a token written to the cache in the range was read from it. At list prices a "
                "write for five minutes pays after one read, one for an hour after two.",
                Look(
                    unit=SHORT,
                    decimals=1,
                    steps=((None, colours.BAD), (1, colours.WARNING), (2, colours.GOOD)),
                ),
                Query(tokens.reads_per_write(scope)),
            ),
        ),
        (
            5,
            headline(
                "Marked but ignored",
                "Share of requests with cache_control that neither read nor wrote the cache: usually the "
                "prompt is shorter than the model's minimum.",
                Look(
                    unit=PERCENT,
                    decimals=1,
                    steps=((None, colours.GOOD), (0.05, colours.WARNING), (0.2, colours.BAD)),
                ),
                Query(or_zero(tokens.marked_but_ignored(scope))),
            ),
        ),
    ]


def _kinds(scope: Scope) -> Panel:
    return course(
        "Tokens a minute by kind",
        "The kinds are disjoint: input is what no cache had. Thinking is a part of output.",
        Look(unit=SHORT, names=colours.TOKEN_KINDS),
        Query(tokens.a_minute(scope, "kind"), "{{kind}}"),
        stacked=True,
    )


def _sizes(scope: Scope) -> Panel:
    return course(
        "Prompt and answer sizes",
        "Tokens of one prompt, cached ones included, and of one answer: median and 95th percentile. The "
        "boundaries are powers of four, between which is interpolated.",
        Look(unit=COUNT, decimals=0),
        Query(scope.quantile(0.5, "tokentape_request_input_tokens"), "prompt p50"),
        Query(scope.quantile(0.95, "tokentape_request_input_tokens"), "prompt p95"),
        Query(scope.quantile(0.5, "tokentape_request_output_tokens"), "answer p50"),
        Query(scope.quantile(0.95, "tokentape_request_output_tokens"), "answer p95"),
    )


def _hits(scope: Scope, label: str) -> Panel:
    return course(
        f"Hit ratio by {label}",
        f"Cache reads over the whole prompt, by {label}.",
        Look(unit=PERCENT, decimals=0, least=0, most=1),
        Query(tokens.hit_ratio_course(scope, label), f"{{{{{label}}}}}"),
    )


def _balance(scope: Scope) -> Panel:
    effect = "tokentape_cache_effect_usd_total"
    return course(
        "What the cache saves and costs an hour",
        "USD an hour by which calls were cheaper than without a cache, and by which others were dearer.",
        Look(unit=USD, names={"cheaper": colours.GOOD, "dearer": colours.BAD}),
        Query(f"3600 * {total(scope.per_second(effect), 'effect')}", "{{effect}}"),
    )


def _ttls(scope: Scope) -> Panel:
    return bars(
        "Writes by ttl",
        "Tokens of the range written for five minutes and for an hour.",
        Look(unit=SHORT, names={"cache_write_5m": "yellow", "cache_write_1h": "orange"}),
        Query(tokens.used(scope, "kind", kind=tokens.WRITES), "{{kind}}"),
    )


def _outcomes(scope: Scope) -> Panel:
    return bars(
        "Replies by cache outcome",
        "hit: read only. write: wrote only. mixed: both. ignored: marked, and neither. unmarked: not asked.",
        Look(unit=COUNT, decimals=0, names=colours.CACHE),
        Query(f"sort_desc({some(tokens.outcomes(scope, 'outcome'))})", "{{outcome}}"),
    )


def _worst(options: Options, scope: Scope, label: str) -> Panel:
    by = {"model": "Model"} if label == "model" else {label: label.capitalize(), "model": "Model"}
    labels = tuple(by)
    return listing(
        "Spend and hit ratio, the dearest first",
        "Of the range. Much spent on input at a low hit ratio is where caching would save most.",
        by,
        Column(
            title="Input spend",
            expr=some(total(scope.in_range(money.COST, kind="input"), *labels)),
            look=Look(unit=USD, decimals=2, colour=colours.TOKEN_KINDS["input"]),
            bar=True,
        ),
        Column(title="Hit ratio", expr=tokens.hit_ratio(scope, *labels), look=Look(unit=PERCENT, decimals=0)),
        Column(
            title="Saved",
            expr=f"({money.saved_by_cache(scope, *labels)}) != 0",
            look=Look(unit=USD, decimals=2, steps=((None, colours.BAD), (0, colours.GOOD))),
        ),
        Column(
            title="Reads per write",
            expr=tokens.reads_per_write(scope, *labels),
            look=Look(unit=SHORT, decimals=1),
        ),
        Column(
            title="Write cost", expr=some(tokens.write_cost(scope, *labels)), look=Look(unit=USD, decimals=2)
        ),
        Column(
            title="Ignored marks",
            expr=tokens.marked_but_ignored(scope, *labels),
            look=Look(unit=PERCENT, decimals=0, steps=((None, colours.GOOD), (0.2, colours.BAD))),
        ),
        sort="Input spend",
        links={"model": to_model(options)},
    )
