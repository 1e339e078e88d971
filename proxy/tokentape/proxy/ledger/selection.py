"""Which calls a question is about."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads it

import msgspec


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that started in [since, until) and have these values."""

    since: datetime | None = None
    """Aware; by default, the first call."""
    until: datetime | None = None
    """Aware; by default, no end."""
    where: dict[str, str | None] = {}
    """By a key of `dimensions.COLUMNS` or `label:NAME`; `None` for calls that have none."""


EVERYTHING = Selection()
