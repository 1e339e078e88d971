"""The page of all panels speaks of the boards as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.dashboards import boards
from tests.dashboards.gate.asking import questions
from tests.dashboards.gate.table import cell

_PAGE = Path(__file__).parents[3] / "docs" / "dashboards.md"


@pytest.mark.parametrize("name", boards.NAMES)
def test_every_panel_is_on_the_page_with_its_query(name: str) -> None:
    """After a change: `make dashboards-table`."""
    page = _PAGE.read_text(encoding="utf-8")
    asked = [
        f"| {each.panel} {each.ref} | {cell(each.expr)} |" for each in questions(name, boards.board(name))
    ]
    assert [row for row in asked if row not in page] == []
