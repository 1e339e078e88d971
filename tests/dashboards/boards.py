"""The boards as data, and what is asked of every panel of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

GRAFANA: Final = Path(__file__).parents[2] / "grafana"
NAMES: Final = ("overview", "tokens", "latency", "model", "health")

Board = dict[str, Any]
Panel = dict[str, Any]
Choice = dict[str, str]
"""What is chosen in each variable, as Grafana puts it into a query."""


@cache
def text(name: str) -> str:
    """A committed board, as it is in its file."""
    return (GRAFANA / "dashboards" / f"{name}.json").read_text(encoding="utf-8")


def board(name: str) -> Board:
    """A committed board."""
    read: Board = json.loads(text(name))
    return read


def panels(of: Board) -> list[Panel]:
    """All panels of a board, headings left out."""
    return [panel for panel in of["panels"] if panel["type"] != "row"]


def queries(of: Board) -> list[tuple[str, str, str]]:
    """Panel title, reference and PromQL of each query."""
    return [
        (panel["title"], target["refId"], target["expr"])
        for panel in panels(of)
        for target in panel["targets"]
    ]


def filled(expr: str, values: Choice, *, span: str = "1h", rate: str = "5m") -> str:
    """A query as Grafana sends it, its variables replaced."""
    for name, value in values.items():
        expr = expr.replace(f'"${name}"', f'"{value}"')
    return expr.replace("$__range", span).replace("$__rate_interval", rate)


ALL: Final[Choice] = dict.fromkeys(("job", "instance", "project", "model"), ".*")
