"""Layout: puts panels on Grafana's grid of 24 columns, row under row, and numbers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import GridPos

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.dashboards.panels import Panel

COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side under a heading.

    Args:
        title: the heading.
        height: of its panels, in grid units of 30 pixels.
        panels: each with its share of the width; shares are spread over the whole row.
    """

    title: str
    height: int
    panels: Sequence[tuple[int, Panel]]


def place(board: dashboard.Dashboard, rows: Sequence[Row]) -> dashboard.Dashboard:
    """Put rows of panels on a board.

    Raises:
        ValueError: the widths of a row are not a whole row.
    """
    number, top = 1, 0
    for row in rows:
        if sum(width for width, _ in row.panels) != COLUMNS:
            raise ValueError(f"the panels of {row.title!r} do not fill the row")
        heading = dashboard.Row(row.title).id(number).grid_pos(GridPos(h=1, w=COLUMNS, x=0, y=top))
        board = board.with_row(heading)
        number, top, left = number + 1, top + 1, 0
        for width, panel in row.panels:
            board = board.with_panel(panel.id(number).grid_pos(GridPos(h=row.height, w=width, x=left, y=top)))
            number, left = number + 1, left + width
        top += row.height
    return board
