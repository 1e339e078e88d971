"""Draws every board, dark and light, from the history: `... preview.draw DATABASE OUT [BOARD]`."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.dashboards import boards
from tests.dashboards.gate.asking import questions, rate_seconds, step_seconds
from tests.dashboards.history import DAY, END
from tests.support.prometheus import require, run_prometheus

if TYPE_CHECKING:
    from tests.support.prometheus import Prometheus

_HERE: Final = Path(__file__).parent
_WIDTH: Final = 1500
_SPAN: Final = "24h"
_MODEL: Final = "claude-sonnet-4-6"
_CHROMIUM: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"),
    *("--hide-scrollbars", "--virtual-time-budget=15000"),
)


def draw(database: Path, out: Path, names: tuple[str, ...] = boards.NAMES) -> None:
    """Ask, bundle, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "tsdb").symlink_to(database.resolve())
        _bundle(work)
        with run_prometheus(work, {}, "1h", flags=["--storage.tsdb.retention.time=100y"]) as prometheus:
            for name in names:
                given = _given(prometheus, name)
                for shade in ("dark", "light"):
                    _picture(work, given | {"dark": shade == "dark"}, out / f"{name}-{shade}.png")


def _bundle(work: Path) -> None:
    command = ["npx", "--no-install", "esbuild", "preview.tsx", "--bundle", "--minify", "--log-level=error"]
    shims = ['--define:process.env.NODE_ENV="production"', "--define:global=window", "--jsx=automatic"]
    shims += ["--alias:react-custom-scrollbars-2=./scrollbars.js"]
    loaders = [f"--loader:.{kind}=dataurl" for kind in ("woff", "woff2", "ttf", "svg", "png")]
    subprocess.run([*command, *shims, *loaders, f"--outfile={work / 'preview.js'}"], cwd=_HERE, check=True)


def _given(prometheus: Prometheus, name: str) -> dict[str, Any]:
    board = boards.board(name)
    choice = boards.ALL | ({"model": _MODEL} if name == "model" else {})
    ids = {panel["title"]: panel["id"] for panel in boards.panels(board)}
    answers: dict[int, dict[str, Any]] = {}
    for question in questions(name, board):
        expr = boards.filled(question.expr, choice, span=_SPAN, rate=f"{rate_seconds(_SPAN)}s")
        series = _instant(prometheus, expr) if question.instant else _course(prometheus, expr)
        answers.setdefault(ids[question.panel], {})[question.ref] = series
    shown = [("Project", "All"), ("Model", _MODEL if name == "model" else "All")]
    variables = [("Datasource", "Prometheus"), ("Job", "All"), ("Instance", "All"), *shown]
    return {"board": board, "answers": answers, "from": END - DAY, "to": END, "variables": variables}


def _instant(prometheus: Prometheus, expr: str) -> list[Any]:
    found = prometheus.query(expr, time=END)
    return [{"labels": labels, "points": [(END, _number(value))]} for labels, value in found]


def _course(prometheus: Prometheus, expr: str) -> list[Any]:
    step = step_seconds(_SPAN)
    found = prometheus.api("query_range", query=expr, start=END - DAY, end=END, step=step)["result"]
    return [
        {"labels": each["metric"], "points": [(at, _number(float(value))) for at, value in each["values"]]}
        for each in found
    ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) or math.isinf(value) else value


def _picture(work: Path, given: dict[str, Any], out: Path) -> None:
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in given["board"]["panels"])
    page = work / "page.html"
    script = f"window.GIVEN={json.dumps(given)}".replace("</", "<\\/")
    page.write_text(
        '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="preview.css">'
        f'<body style="margin:0"><div id="root"></div><script>{script}</script>'
        '<script src="preview.js"></script>',
        encoding="utf-8",
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    size = f"--window-size={_WIDTH},{bottom * 38 + 100}"
    flags = [*_CHROMIUM, f"--user-data-dir={work / 'chromium'}", size, f"--screenshot={out.resolve()}"]
    command = [require("chromium"), *flags, page.as_uri()]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    mistakes = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "rror" in line]
    assert not mistakes, mistakes


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]) or boards.NAMES)
