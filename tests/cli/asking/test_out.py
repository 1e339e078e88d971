"""Tables on consoles of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from tokentape.cli.asking.out import console, print_whole


def table(*cells: str) -> Table:
    made = Table(box=None, show_header=False, pad_edge=False)
    for _ in cells:
        made.add_column(no_wrap=True)
    made.add_row(*cells)
    return made


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, "1,234,567 8,901,234 5,678"),
        (27, "1,234,567 8,901,234 5,678"),
        (26, "1,234,567 5,678"),
        (4, "1,234,567 5,678"),
    ],
)
def test_the_first_that_fits_is_printed_and_nothing_is_ever_cut_off(width: int, shown: str) -> None:
    out = io.StringIO()
    choices = table("1,234,567", "8,901,234", "5,678"), table("1,234,567", "5,678")
    print_whole(Console(file=out, width=width), *choices)
    assert " ".join(out.getvalue().split()) == shown
    assert out.getvalue().count("\n") == 1


def test_a_pipe_is_as_wide_as_it_must_be() -> None:
    assert console().width >= 240
