"""The boards: fresh, well-typed, and without a fault that can be seen without Prometheus."""

from __future__ import annotations

import json

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from tests.dashboards import boards
from tests.dashboards.lint import faults

from tokentape.dashboards.options import Options
from tokentape.dashboards.tidying import tidy
from tokentape.dashboards.write import BOARDS, generated


def test_what_is_committed_is_what_is_generated() -> None:
    """After a change: `make dashboards`."""
    fresh = generated(Options())
    assert {name: (boards.GRAFANA / name).read_text(encoding="utf-8") for name in fresh} == fresh


def test_these_are_all_boards() -> None:
    assert tuple(BOARDS) == boards.NAMES
    assert {path.stem for path in (boards.GRAFANA / "dashboards").iterdir()} == set(boards.NAMES)


@pytest.mark.parametrize("name", boards.NAMES)
def test_a_board_goes_through_grafanas_types_unchanged(name: str) -> None:
    """What they do not know, such as a misspelt key, would be lost on the way.

    They add one thing of their own to what they read, as they do to what is built, and the same
    tidying takes it out again: the `placement` of links.
    """
    read = boards.board(name)
    again = json.loads(json.dumps(Dashboard.from_json(boards.board(name)), cls=JSONEncoder))
    assert {link.get("placement") for link in again["links"]} == {"inControlsMenu"}
    assert tidy(again) == read


@pytest.mark.parametrize("name", boards.NAMES)
def test_a_board_has_no_fault(name: str) -> None:
    assert faults(boards.board(name)) == []
