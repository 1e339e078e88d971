from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.cassette.running import run
from tests.support import cassette_page

from tokentape.cli.cassette.group import cassette
from tokentape.cli.options import CASSETTE

ROOT = Path(__file__).parents[3]


def test_every_command_is_declared() -> None:
    assert {f"cassette {name}" for name in cassette.commands} == CASSETTE


@pytest.mark.parametrize("name", sorted(cassette.commands))
def test_every_command_says_what_it_does_in_one_line(name: str) -> None:
    assert cassette.commands[name].short_help
    assert run(name, "--help").exit_code == 0


def test_the_page_of_the_commands_is_up_to_date() -> None:
    page = (ROOT / "docs/cassette-commands.md").read_text(encoding="utf-8")
    again = "python -m tests.support.cassette_page docs/cassette-commands.md"
    assert cassette_page.renewed(page) == page, f"write it again: {again}"
