"""The figures on a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from tokentape.cli.demo.figures import Figures, Row
from tokentape.cli.demo.table import tables
from tokentape.cli.tokens import Tokens

NOTHING = Row(name="all", calls=0, tokens=Tokens(), ttft_p50=None, ttft_p95=None)


EXPECTED = """\
                                  cache  cache            hit    TTFT    TTFT
model              calls  input    read  write  output  ratio     p50     p95
─────────────────────────────────────────────────────────────────────────────
claude-sonnet-4-6     19  2,103  12,900  4,300     974    67%  0.12 s  0.50 s
(no model)             1      0       0      0       0

all                   20  2,103  12,900  4,300     974    67%  0.12 s  0.50 s

(no model): calls that name none, such as lists of models and files

outcome            stop reason       error                 retry after
────────────────   ───────────────   ───────────────────   ───────────────────
ok            17   end_turn     17   overloaded_error  2   overloaded_error  1
api_error      2                     rate_limit_error  1
stream_error   1"""


def shown(figures: Figures) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(tables(figures))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(row.rstrip() for row in console.file.getvalue().splitlines())


def test_it_fits_a_terminal_of_80_columns() -> None:
    row = Row(
        name="claude-sonnet-4-6",
        calls=19,
        tokens=Tokens(2103, 12900, 4300, 974),
        ttft_p50=0.123,
        ttft_p95=0.5,
    )
    figures = Figures(
        models=(row, Row(name="none", calls=1, tokens=Tokens(), ttft_p50=None, ttft_p95=None)),
        total=Row(name="all", calls=20, tokens=row.tokens, ttft_p50=0.123, ttft_p95=0.5),
        outcomes={"ok": 17, "api_error": 2, "stream_error": 1},
        stop_reasons={"end_turn": 17},
        errors={"overloaded_error": 2, "rate_limit_error": 1},
        retries={"overloaded_error": 1},
        unmetered=0,
    )
    assert shown(figures) == EXPECTED


def test_nothing_is_shown_as_none() -> None:
    empty = Figures(
        models=(), total=NOTHING, outcomes={}, stop_reasons={}, errors={}, retries={}, unmetered=0
    )
    assert shown(empty).splitlines()[-1].split() == ["none"] * 4
