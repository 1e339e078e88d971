"""Tidying: what the builders write and Grafana does not need, or would take amiss."""

from __future__ import annotations

from typing import Any, Final

_LINK_DEFAULTS: Final = ("placement",)
"""A link's placement puts it into a menu of its own in newer versions, and nowhere in older ones."""


def tidy(board: dict[str, Any]) -> dict[str, Any]:
    """The board without what must not be there."""
    for link in board.get("links", []):
        for key in _LINK_DEFAULTS:
            link.pop(key, None)
    return board
