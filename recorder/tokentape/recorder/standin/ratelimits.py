"""Rate-limit headers that move as the real ones do (https://docs.anthropic.com/en/api/rate-limits).

One token bucket a credential, model and kind, refilled evenly over a minute. Nothing is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import RateLimits
    from tokentape.recorder.standin.turn import Usage

_MINUTE: Final = 60.0
_KNOWN: Final = 10_000
_OAUTH: Final = b"sk-ant-oat"
"""How a subscription's tokens begin; they get the headers of subscriptions."""
_HOURS: Final = {"5h": 5, "7d": 168}

Key = tuple[bytes, str]
"""Credential and model."""
Buckets = dict[str, tuple[float, float]]
"""By kind: what was left, and when, in monotonic seconds."""


class RateLimiter:
    """Keeps the buckets and words the headers."""

    def __init__(self) -> None:
        self._buckets: dict[Key, Buckets] = {}

    def headers(self, limits: RateLimits, key: Key, usage: Usage, now: float, wall: float) -> bytes:
        """Header lines for a reply. `now` is in monotonic seconds, `wall` in seconds since the epoch."""
        if key[0].startswith(_OAUTH):
            return _subscription(wall)
        if len(self._buckets) >= _KNOWN:
            self._buckets.clear()
        buckets = self._buckets.setdefault(key, {})
        spent = _spent(usage)
        lines: list[str] = []
        total = 0, 0
        for kind, limit in (("input-tokens", limits.input_tokens), ("output-tokens", limits.output_tokens)):
            left = _take(buckets, kind, limit, spent[kind], now)
            lines += _lines(kind, limit, left, wall)
            total = total[0] + limit, total[1] + left
        left = _take(buckets, "requests", limits.requests, 1, now)
        lines += _lines("requests", limits.requests, left, wall)
        lines += _lines("tokens", *total, wall)
        return "".join(lines).encode()


def _spent(usage: Usage) -> dict[str, int]:
    """Reads from the cache do not count."""
    written = usage.ephemeral_5m_input_tokens + usage.ephemeral_1h_input_tokens
    return {"input-tokens": usage.input_tokens + written, "output-tokens": usage.output_tokens}


def _take(buckets: Buckets, kind: str, limit: int, count: int, now: float) -> int:
    left, then = buckets.get(kind, (float(limit), now))
    left = min(limit, left + (now - then) * limit / _MINUTE) - count
    buckets[kind] = left, now
    return max(0, int(left))


def _lines(kind: str, limit: int, left: int, wall: float) -> tuple[str, str, str]:
    """Tokens that are left are rounded to thousands, as the API does."""
    shown = left if kind == "requests" else min(limit, round(left, -3))
    reset = _rfc3339(int(wall + (limit - left) / limit * _MINUTE))
    name = f"anthropic-ratelimit-{kind}"
    return f"{name}-limit: {limit}\r\n", f"{name}-remaining: {shown}\r\n", f"{name}-reset: {reset}\r\n"


@lru_cache(maxsize=256)
def _rfc3339(wall: int) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _subscription(wall: float) -> bytes:
    lines = ["anthropic-ratelimit-unified-status: allowed\r\n"]
    for window, hours in _HOURS.items():
        reset = (int(wall) // 3600 + hours) * 3600
        name = f"anthropic-ratelimit-unified-{window}"
        lines += [
            f"{name}-status: allowed\r\n",
            f"{name}-utilization: 0.25\r\n",
            f"{name}-reset: {reset}\r\n",
        ]
    return "".join(lines).encode()
