"""The frame: what all boards have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

from tokentape.dashboards.layout import Row, place
from tokentape.dashboards.queries.series import Scope
from tokentape.dashboards.variables import scrape_labels, variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.dashboards.options import Options

TAG: Final = "tokentape"


def frame(  # noqa: PLR0913 - a board has that many parts; all are named
    options: Options, rows: Sequence[Row], *, name: str, title: str, question: str, one_model: bool = False
) -> dashboard.Dashboard:
    """A board of these rows.

    Args:
        options: of the user.
        rows: of panels.
        name: last part of the uid, which never changes: links and bookmarks hold it.
        title: what the board is called.
        question: what it answers.
        one_model: it is about one model.
    """
    board = (
        dashboard.Dashboard(f"Tokentape / {title}")
        .uid(f"tokentape-{name}")
        .description(question)
        .tags([TAG, "anthropic", "llm"])
        .editable()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-24h", "now")
        .refresh("30s")
        .timezone("browser")
        .link(_siblings())
    )
    for variable in variables(options, one_model=one_model):
        board = board.with_variable(variable)
    return place(board, rows)


def scope_of(options: Options) -> Scope:
    """What the queries of a board are narrowed by."""
    return Scope(options.metric_labels, scrape_labels(options))


def _siblings() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Tokentape")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
        .icon("external link")
    )
