"""Writes everything that is generated: boards and rules, as files under one folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tokentape.dashboards.boards.health import proxy_health
from tokentape.dashboards.boards.latency import latency_and_errors
from tokentape.dashboards.boards.model import model_detail
from tokentape.dashboards.boards.overview import overview
from tokentape.dashboards.boards.tokens import tokens_and_cache
from tokentape.dashboards.rules.files import (
    alerts_yaml,
    operator_yaml,
    provider_yaml,
    recording_yaml,
    runbook,
)
from tokentape.dashboards.rules.spans import Clock
from tokentape.dashboards.tidying import tidy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from tokentape.dashboards.options import Options

BOARDS: Final[dict[str, Callable[[Options], Dashboard]]] = {
    "overview": overview,
    "tokens": tokens_and_cache,
    "latency": latency_and_errors,
    "model": model_detail,
    "health": proxy_health,
}
"""By file name, in the order in which they are read."""


def board_json(name: str, options: Options) -> str:
    """One board as Grafana loads it: sorted keys, so that a change shows as what it is."""
    board = BOARDS[name](options).build()
    return json.dumps(tidy(json.loads(json.dumps(board, cls=JSONEncoder))), indent=2, sort_keys=True) + "\n"


def generated(options: Options) -> dict[str, str]:
    """All generated files by their path in the folder."""
    clock = Clock()
    boards = {f"dashboards/{name}.json": board_json(name, options) for name in BOARDS}
    return boards | {
        "prometheus/recording-rules.yaml": recording_yaml(options, clock),
        "prometheus/alert-rules.yaml": alerts_yaml(options, clock),
        "kubernetes/prometheusrule.yaml": operator_yaml(options, clock),
        "provisioning/dashboards/tokentape.yaml": provider_yaml(options),
        "runbook.md": runbook(options, clock),
    }


def write(folder: Path, options: Options) -> list[Path]:
    """Write all generated files into a folder; which ones.

    Raises:
        OSError: the folder cannot be written.
    """
    written: list[Path] = []
    for name, text in generated(options).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
