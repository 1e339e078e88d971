"""Rate limits, as the response headers tell them.

API keys get `anthropic-ratelimit-<kind>-{limit,remaining,reset}` with resets in RFC 3339
(https://docs.anthropic.com/en/api/rate-limits#response-headers). Subscriptions get
`anthropic-ratelimit-unified-<window>-{utilization,reset,status}` with resets in epoch seconds.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Final

from tokentape.proxy.messages.call import RateLimit, RateLimitWindow

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = b"anthropic-ratelimit-"
UNIFIED_PREFIX: Final = b"anthropic-ratelimit-unified-"

_KINDS: Final = tuple(
    (
        kind,
        tuple(
            PREFIX + kind.replace("_", "-").encode() + end for end in (b"-limit", b"-remaining", b"-reset")
        ),
    )
    for kind in ("requests", "tokens", "input_tokens", "output_tokens")
)
_WINDOWS: Final = tuple(
    (
        window,
        tuple(UNIFIED_PREFIX + window.encode() + end for end in (b"-utilization", b"-reset", b"-status")),
    )
    for window in ("5h", "7d")
)
_MAX_DIGITS: Final = 18
_LAST_SECOND: Final = 253402300799.0
"""The end of the year 9999: what is later is no time."""


def read_rate_limits(headers: Mapping[bytes, bytes]) -> tuple[RateLimit, ...]:
    """One entry a kind that the headers speak of; names in `headers` are lower-case."""
    found: list[RateLimit] = []
    for kind, (limit, remaining, reset) in _KINDS:
        values = headers.get(limit), headers.get(remaining), headers.get(reset)
        if values != (None, None, None):
            found.append(
                RateLimit(
                    kind=kind, limit=_count(values[0]), remaining=_count(values[1]), reset_at=_time(values[2])
                )
            )
    return tuple(found)


def read_windows(headers: Mapping[bytes, bytes]) -> tuple[RateLimitWindow, ...]:
    """One entry a subscription window that the headers speak of; names in `headers` are lower-case."""
    found: list[RateLimitWindow] = []
    for window, (utilization, reset, status) in _WINDOWS:
        values = headers.get(utilization), headers.get(reset), headers.get(status)
        if values != (None, None, None):
            found.append(
                RateLimitWindow(
                    window=window,
                    utilization=_ratio(values[0]),
                    reset_at=_time(values[1]),
                    status=_word(values[2]),
                )
            )
    return tuple(found)


def _count(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() and len(value) <= _MAX_DIGITS else None


def _ratio(value: bytes | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


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
