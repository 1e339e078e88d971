"""Spans of time in rules, which a live test shortens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400
_UNITS: Final = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1))


@dataclass(frozen=True, slots=True)
class Clock:
    """How fast the rules' time goes: 1, or 0.01 where a test has no hour to wait."""

    scale: float = 1.0

    def span(self, seconds: float) -> str:
        """A duration as PromQL writes it, such as `5m`; at least a second, unless it is none at all."""
        if not seconds:
            return "0s"
        whole = max(1, round(seconds * self.scale))
        unit, size = next((unit, size) for unit, size in _UNITS if whole % size == 0)
        return f"{whole // size}{unit}"
