"""Rate-limit headers that move as the real ones do (https://docs.anthropic.com/en/api/rate-limits).

One token bucket a credential, model and kind, refilled evenly over a minute. Nothing is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.recorder.faults.buckets import Bucket, header_lines

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import RateLimits
    from tokentape.recorder.standin.turn import Usage

_KNOWN: Final = 10_000
_OAUTH: Final = b"sk-ant-oat"
"""How a subscription's tokens begin; they get the headers of subscriptions."""
_HOURS: Final = {"5h": 5, "7d": 168}

Key = tuple[bytes, str]
"""Credential and model."""


class RateLimiter:
    """Keeps the buckets and words the headers."""

    def __init__(self) -> None:
        self._buckets: dict[Key, dict[str, Bucket]] = {}

    def headers(self, limits: RateLimits, key: Key, usage: Usage, now: float, wall: float) -> bytes:
        """Header lines for a reply. `now` is in monotonic seconds, `wall` in seconds since the epoch."""
        if key[0].startswith(_OAUTH):
            return _subscription(wall)
        if len(self._buckets) >= _KNOWN:
            self._buckets.clear()
        buckets = self._buckets.setdefault(key, {})
        spent = _spent(usage)
        lines: list[tuple[str, str]] = []
        total = 0, 0
        for kind, limit in (("input_tokens", limits.input_tokens), ("output_tokens", limits.output_tokens)):
            left = _take(buckets, kind, limit, spent[kind], now)
            lines += header_lines(kind, limit, left, wall)
            total = total[0] + limit, total[1] + left
        left = _take(buckets, "requests", limits.requests, 1, now)
        lines += header_lines("requests", limits.requests, left, wall)
        lines += header_lines("tokens", *total, wall)
        return "".join(f"{name}: {value}\r\n" for name, value in lines).encode()


def _spent(usage: Usage) -> dict[str, int]:
    """Reads from the cache do not count."""
    written = usage.ephemeral_5m_input_tokens + usage.ephemeral_1h_input_tokens
    return {"input_tokens": usage.input_tokens + written, "output_tokens": usage.output_tokens}


def _take(buckets: dict[str, Bucket], kind: str, limit: int, count: int, now: float) -> int:
    bucket = buckets.get(kind)
    if bucket is None:
        bucket = buckets[kind] = Bucket(limit, now)
    bucket.limit = limit
    return max(0, int(bucket.take(count, now)))


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
