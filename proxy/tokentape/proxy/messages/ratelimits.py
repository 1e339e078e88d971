"""Rate limits, as the response headers tell them.

API keys get `anthropic-ratelimit-<kind>-{limit,remaining,reset}` with resets in RFC 3339
(https://docs.anthropic.com/en/api/rate-limits#response-headers). Subscriptions get
`anthropic-ratelimit-unified-<window>-{utilization,reset,status}` with resets in epoch seconds.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from typing import TYPE_CHECKING, Final, NamedTuple

from tokentape.proxy.messages.call import RateLimit, RateLimitWindow

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIFIED_STATUS: Final = b"anthropic-ratelimit-unified-status"
"""The header that every reply to a subscription has."""


class _Group(NamedTuple):
    """A label value and the three headers of its group."""

    name: str
    first: bytes
    second: bytes
    third: bytes


def _group(name: str, prefix: str, *ends: str) -> _Group:
    return _Group(name, *(f"anthropic-ratelimit-{prefix}-{end}".encode() for end in ends))


_KINDS: Final = [
    _group(kind, kind.replace("_", "-"), "limit", "remaining", "reset")
    for kind in ("requests", "tokens", "input_tokens", "output_tokens")
]
_WINDOWS: Final = [
    _group(window, f"unified-{window}", "utilization", "reset", "status") for window in ("5h", "7d")
]
_MAX_DIGITS: Final = 18
_LAST_SECOND: Final = 253402300799.0
"""The end of the year 9999: what is later is no time."""


def read_rate_limits(headers: Mapping[bytes, bytes]) -> tuple[RateLimit, ...]:
    """One entry a kind that the headers speak of; names in `headers` are lower-case."""
    found: list[RateLimit] = []
    for kind, first, second, third in _KINDS:
        limit, remaining, reset = headers.get(first), headers.get(second), headers.get(third)
        if limit is None and remaining is None and reset is None:
            continue
        found.append(
            RateLimit(kind=kind, limit=_count(limit), remaining=_count(remaining), reset_at=_time(reset))
        )
    return tuple(found)


def read_windows(headers: Mapping[bytes, bytes]) -> tuple[RateLimitWindow, ...]:
    """One entry a subscription window that the headers speak of; names in `headers` are lower-case."""
    found: list[RateLimitWindow] = []
    for window, first, second, third in _WINDOWS:
        used, reset, status = headers.get(first), headers.get(second), headers.get(third)
        if used is None and reset is None and status is None:
            continue
        found.append(
            RateLimitWindow(
                window=window, utilization=_ratio(used), reset_at=_time(reset), status=_word(status)
            )
        )
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def _count(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() and len(value) <= _MAX_DIGITS else None


def _ratio(value: bytes | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


@functools.lru_cache(maxsize=512)
def _time(value: bytes | None) -> float | None:
    """Seconds since the epoch, of RFC 3339 or of a number of seconds."""
    if value is None:
        return None
    if (number := _ratio(value)) is not None:
        return number if number <= _LAST_SECOND else None
    try:
        moment = dt.datetime.fromisoformat(value.decode("ascii"))
        return moment.timestamp() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _word(value: bytes | None) -> str | None:
    text = value.decode("latin-1") if value is not None else ""
    return text if text.replace("_", "").isalnum() and len(text) <= 32 else None
