"""What became of each request of a test."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Request, Response


class Verdict(enum.StrEnum):
    """What became of a request, or of a recording."""

    HIT = "HIT"
    """It was answered by its recording."""
    DRIFT = "DRIFT"
    """It differs from the recording that answered it."""
    MISS = "MISS"
    """Nothing was recorded of it."""
    BLOCKED = "BLOCKED"
    """It was for a host that is not recorded, while nothing may go live."""
    FAULT = "FAULT"
    """An injected fault answered it."""
    RECORDED = "RECORDED"
    LIVE = "LIVE"
    """It went live, and is not kept."""
    UNPLAYED = "UNPLAYED"
    """A recording that nobody asked for."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a test and its response."""

    verdict: Verdict
    request: Request
    """Scrubbed."""
    response: Response | None = None
    """`None` where it was not seen: the request was blocked, or went by without being kept."""
    recorded_at: float | None = None
    """Seconds since the epoch."""
    detail: str = ""
    """Where it drifted, or why it was missed."""
    api: bool = True
    """It was for the API, and not for another host."""
