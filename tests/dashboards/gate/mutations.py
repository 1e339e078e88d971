"""Mutations: mistakes that people make in boards and rules, each of which the gate must find."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.dashboards.boards import panels

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dashboards.boards import Board, Panel


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mistake in one panel of a board."""

    mistake: str
    board: str
    panel: str
    change: Callable[[Panel], None]

    def made_in(self, board: Board) -> Board:
        """The board with the mistake; never the same one."""
        mutant = copy.deepcopy(board)
        self.change(next(panel for panel in panels(mutant) if panel["title"] == self.panel))
        assert json.dumps(mutant) != json.dumps(board), f"{self.mistake}: nothing changed"
        return mutant


def _swap(old: str, new: str, query: int = 0) -> Callable[[Panel], None]:
    def change(panel: Panel) -> None:
        target = panel["targets"][query]
        target["expr"] = target["expr"].replace(old, new)

    return change


def _put(value: Any, *path: str) -> Callable[[Panel], None]:
    def change(panel: Panel) -> None:
        inner = panel
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


BOARD_MUTATIONS: Final = (
    Mutation(
        "a renamed metric",
        "overview",
        "Spend in range",
        _swap("tokentape_cost_usd_total", "tokentape_spent_usd_total"),
    ),
    Mutation("a misspelt label", "overview", "Cost by kind", _swap("by (kind)", "by (sort)")),
    Mutation("a dropped variable", "overview", "Top projects", _swap(',model=~"$model"', "")),
    Mutation("sum for increase", "overview", "Spend in range", _swap("increase(", "sum_over_time(")),
    Mutation("a rate for a total", "overview", "Spend in range", _swap("increase(", "rate(")),
    Mutation("a cost that is doubled", "overview", "Cost by kind", _swap("sort_desc(", "sort_desc(2 * ")),
    Mutation("an hour of sixty seconds", "overview", "Burn rate an hour", _swap("3600 *", "60 *")),
    Mutation("a fixed window", "overview", "Spend an hour by model", _swap("[$__rate_interval]", "[2m]")),
    Mutation(
        "replicas counted twice",
        "overview",
        "Today and this month",
        _swap('project="_all"', 'project=~".*"'),
    ),
    Mutation("day and month swapped", "overview", "Budget used", _swap('window="day"', 'window="month"')),
    Mutation(
        "swapped cache kinds",
        "tokens",
        "Hit ratio",
        _swap('kind="cache_read"', 'kind="cache_write_5m"'),
    ),
    Mutation(
        "reads left out of the prompt",
        "tokens",
        "Hit ratio by model",
        _swap("input|cache_read|", "input|"),
    ),
    Mutation(
        "five minutes taken for an hour",
        "tokens",
        "Writes by ttl",
        _swap("cache_write_5m|cache_write_1h", "cache_write_1h"),
    ),
    Mutation("the sign of savings", "tokens", "Saved by the cache", _swap(") - sum", ") + sum")),
    Mutation("aborts taken for errors", "latency", "Error ratio", _swap("ok|client_abort", "ok")),
    Mutation(
        "buckets without their bounds", "latency", "Time to first token", _swap("sum by (le) (", "sum(")
    ),
    Mutation("broken PromQL", "latency", "Stop reasons", _swap("sum by", "sum bye")),
    Mutation(
        "a cost without a currency",
        "model",
        "Spend in range",
        _put("short", "fieldConfig", "defaults", "unit"),
    ),
    Mutation("another datasource", "model", "Requests", _put("prometheus-1", "datasource", "uid")),
    Mutation(
        "the first value for the last",
        "health",
        "Unpriced calls",
        _put(["firstNotNull"], "options", "reduceOptions", "calcs"),
    ),
    Mutation("priced for unpriced", "health", "Unpriced calls", _swap('"unpriced"', '"exact"')),
    Mutation("no description", "health", "Memory", _put("", "description")),
)


@dataclass(frozen=True, slots=True)
class RuleMutation:
    """A mistake in the alert rules, as a change of their text."""

    mistake: str
    alert: str
    old: str
    new: str


RULE_MUTATIONS: Final = (
    RuleMutation("a silenced alert", "TokentapeErrorRatioHigh", "> 0.05 and", "> 5 and"),
    RuleMutation("a shorter wait", "TokentapeDown", "for: 2m", "for: 1m"),
    RuleMutation("no minimum of traffic", "TokentapeTruncatedRepliesHigh", "> 20", ">= 0"),
    RuleMutation("one label too few", "TokentapeToolLoop", "by (model, tool)", "by (model)"),
    RuleMutation("the wrong error", "TokentapeRateLimited", "rate_limit_error", "overloaded_error"),
    RuleMutation("a text without its figure", "TokentapeStreamHung", "humanizeDuration", "humanize"),
)
