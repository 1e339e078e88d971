"""What a demo shows where."""

from __future__ import annotations

import io

import msgspec
from rich.console import Console

from tokentape.cli.demo.figures import Figures, Row
from tokentape.cli.demo.stage import Stage
from tokentape.cli.tokens import Tokens

ROW = Row(name="claude-sonnet-4-6", calls=1, tokens=Tokens(), ttft_p50=None, ttft_p95=None)
FIGURES = Figures(models=(ROW,), total=ROW, outcomes={}, stop_reasons={}, errors={}, retries={}, unmetered=0)
METRICS, BASE = "http://127.0.0.1:9464/metrics", "http://127.0.0.1:8585"


def shown(*, terminal: bool, once: bool, figures: Figures = FIGURES) -> str:
    file = io.StringIO()
    stage = Stage(Console(file=file, width=80, force_terminal=terminal, color_system=None, highlight=False))
    if once:
        stage.show(figures, METRICS)
    else:
        with stage.going_on(figures, METRICS, BASE):
            pass
    return file.getvalue()


def test_the_table_is_there_once_wherever_and_however_it_is_shown() -> None:
    shows = [shown(terminal=terminal, once=once) for terminal in (True, False) for once in (True, False)]
    # A live table is drawn over itself when it ends.
    assert [show.rsplit("\x1b[1A", 1)[-1].count("stop reason") for show in shows] == [1] * 4
    assert [show.count(f"metrics {METRICS}") for show in shows] == [1] * 4


def test_off_a_terminal_one_line_says_how_the_traffic_ends() -> None:
    ending = f"\nmetrics {METRICS}\nSome traffic goes on through {BASE}, until SIGTERM or Ctrl-C.\n"
    assert shown(terminal=False, once=False).endswith(ending)
    assert "goes on" not in shown(terminal=False, once=True)


def test_calls_that_were_not_metered_are_told_in_every_form() -> None:
    lossy = msgspec.structs.replace(FIGURES, unmetered=3)
    for terminal in (True, False):
        for once in (True, False):
            assert "3 calls were carried but not metered." in shown(
                terminal=terminal, once=once, figures=lossy
            )
