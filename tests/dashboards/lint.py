"""What is wrong with a board: the rules of Grafana's dashboard linter, and ours. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import promql_parser
from tests.dashboards.boards import ALL, filled, panels

from tokentape.proxy.catalogue import BY_NAME, P

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dashboards.boards import Board, Panel

VARIABLES: Final = ("datasource", "job", "instance", "project", "model")
MONEY: Final = re.compile(r"tokentape_\w*_usd")
OF_PROMETHEUS: Final = frozenset({"ALERTS", "up", "scrape_samples_scraped"})
SCRAPED: Final = frozenset({"job", "instance"})
_PER_CALL: Final = "tokentape_price_usd_per_million_tokens"


def faults(board: Board) -> list[str]:
    """Every fault of a board, as a sentence."""
    found = [*_of_board(board), *_of_grid(board)]
    for panel in panels(board):
        found += [f"{panel['title']}: {fault}" for fault in _of_panel(panel)]
    return found


def _of_board(board: Board) -> Iterator[str]:
    names = tuple(variable["name"] for variable in board["templating"]["list"])
    if names != VARIABLES:
        yield f"its variables are {names}"
    if not board["uid"].startswith("tokentape-") or "tokentape" not in board["tags"]:
        yield "its uid or its tags are not ours"
    if not board["description"]:
        yield "it does not say which question it answers"
    if len(panels(board)) > 17:
        yield "it has too many panels"


def _of_grid(board: Board) -> Iterator[str]:
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) != len(ids):
        yield "two panels have one id"
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if taken & cells or at["x"] + at["w"] > 24:
            yield f"{panel['title']} lies on another panel, or beyond the edge"
        taken |= cells


def _of_panel(panel: Panel) -> Iterator[str]:
    if len(panel["title"]) > 50 or not panel.get("description", "").endswith("."):
        yield "it has no short title, or no description"
    if panel["datasource"]["uid"] != "${datasource}":
        yield "it has a datasource of its own"
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] != "table" and not defaults.get("unit"):
        yield "its values have no unit"
    if any(step["value"] == 80 for step in defaults.get("thresholds", {}).get("steps", [])):
        yield "it has the default threshold of 80"
    if panel["type"] in {"stat", "bargauge"} and panel["options"]["reduceOptions"]["calcs"] != [
        "lastNotNull"
    ]:
        yield "it does not say which value it shows"
    if panel["type"] != "table" and _is_money(panel) and defaults.get("unit") != "currencyUSD":
        yield "it shows money without a currency"
    for target in panel["targets"]:
        yield from _of_query(panel, target)


def _is_money(panel: Panel) -> bool:
    """All queries give amounts; a ratio of two amounts is none."""
    exprs = [target["expr"] for target in panel["targets"]]
    return all(MONEY.search(expr) and not expr.startswith("max by (ledger") for expr in exprs)


def _of_query(panel: Panel, target: dict[str, Any]) -> Iterator[str]:
    expr = target["expr"]
    try:
        tree = promql_parser.parse(filled(expr, ALL))
    except ValueError as broken:
        yield f"{target['refId']} is no PromQL: {broken}"
        return
    if re.search(r"\[\d", expr):
        yield f"{target['refId']} has a fixed window"
    if panel["type"] == "timeseries" and "increase(" in expr:
        yield f"{target['refId']} draws a course of totals"
    rate = "$__rate_interval" in expr and "histogram_quantile" not in expr
    if panel["type"] != "timeseries" and target["instant"] and rate:
        yield f"{target['refId']} shows a rate of a moment as if it were the range's"
    for name, labels in selectors(tree):
        yield from _of_selector(name, labels)


def _of_selector(name: str, labels: set[str]) -> Iterator[str]:
    metric = BY_NAME.get(name) or BY_NAME.get(re.sub(r"_(bucket|count|sum)$", "", name))
    if metric is None:
        if name not in OF_PROMETHEUS:
            yield f"there is no metric {name}"
        return
    known = {label for each in metric.labels for label in (("project",) if each == P else (each,))}
    strangers = labels - known - SCRAPED - ({"le"} if metric.buckets else set[str]())
    if strangers:
        yield f"{name} has no label {sorted(strangers)}"
    missing = set(SCRAPED - labels)
    if missing:
        yield f"{name} is not narrowed by {sorted(missing)}"
    if missing := known & {"project", "model"} - labels:
        yield f"{name} is not narrowed by {sorted(missing)}"


def selectors(tree: Any) -> Iterator[tuple[str, set[str]]]:
    """Name and matched labels of every vector selector of a parsed query."""
    if isinstance(tree, promql_parser.VectorSelector):
        yield tree.name or "", {matcher.name for matcher in tree.matchers.matchers}
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(tree, name, None)
        if inner is not None and not isinstance(inner, str):
            yield from selectors(inner)
    for inner in getattr(tree, "args", None) or ():
        yield from selectors(inner)
