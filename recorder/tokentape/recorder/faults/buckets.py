"""Rate limits that are enforced: token buckets with the API's headers.

A bucket holds a minute's worth and is refilled evenly (https://docs.anthropic.com/en/api/rate-limits).
A request is let in when the bucket of requests holds one, and each bucket of tokens as many as the
request brings; tokens are then taken out as the reply says they were spent. One clock, which comes from
outside, decides everything.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from tokentape.recorder.faults.fault import Fault
from tokentape.recorder.faults.message import Spent, usage_of

if TYPE_CHECKING:
    from tokentape.recorder.faults.attempt import Attempt
    from tokentape.recorder.wire.reply import Reply

MINUTE: Final = 60.0
PREFIX: Final = "anthropic-ratelimit-"
_KINDS: Final = {"rpm": "requests", "tpm": "tokens", "itpm": "input_tokens", "otpm": "output_tokens"}
_CHARACTERS: Final = 4
"""Of a token, about: what a request brings, before anybody has counted."""
_KNOWN: Final = 10_000
"""Sessions whose buckets are kept."""


class Bucket:
    """What is left of one limit. Times are seconds of one clock."""

    __slots__ = ("_left", "_since", "limit")

    def __init__(self, limit: int, now: float) -> None:
        """`limit` is what it holds when full, and what a minute brings."""
        self.limit = limit
        self._left = float(limit)
        self._since = now

    def left(self, now: float) -> float:
        """What it holds; below 0 where more was spent than was there."""
        self._left = min(self.limit, self._left + max(0.0, now - self._since) * self.limit / MINUTE)
        self._since = max(now, self._since)
        return self._left

    def take(self, count: float, now: float) -> float:
        """Take some out, or put some back; what is left then."""
        self._left = min(self.limit, self.left(now) - count)
        return self._left

    def wait(self, wanted: float, now: float) -> float:
        """Seconds until it holds so much, or is full; 0: it does."""
        lacking = min(wanted, self.limit) - self.left(now)
        if wanted > self.limit:
            # It will never do; what the API says then is a wait like any other.
            return max(1.0, lacking * MINUTE / self.limit)
        return max(0.0, lacking * MINUTE / self.limit)


class Limits(NamedTuple):
    """A minute's worth of each kind."""

    kinds: dict[str, int]

    @classmethod
    def of(cls, fault: Fault) -> Limits:
        """Those of a `limits` fault."""
        return cls({kind: fault.count(key, 0) for key, kind in _KINDS.items() if fault.get(key) is not None})


class Limiter:
    """Keeps the buckets of all sessions under some limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buckets: dict[str, dict[str, Bucket]] = {}

    def refusal(self, attempt: Attempt, now: float) -> Fault | None:
        """The fault that strikes a request over a limit; `None`: it is let in, and paid in advance."""
        buckets = self._of(attempt.session, now)
        wanted = self._wanted(attempt)
        waits = {kind: bucket.wait(wanted[kind], now) for kind, bucket in buckets.items()}
        kind = max(waits, key=lambda name: waits[name])
        if waits[kind] <= 0:
            for name, bucket in buckets.items():
                bucket.take(wanted[name] if name != "output_tokens" else 0, now)
            return None
        values = (
            ("retry_after", max(1, math.ceil(waits[kind]))),
            ("kind", kind),
            ("limit", buckets[kind].limit),
        )
        return Fault("rate_limited", values, headers=self.headers(attempt, now))

    def settle(self, attempt: Attempt, reply: Reply, now: float) -> None:
        """Count what the reply says was spent, in place of what was taken in advance."""
        spent = usage_of(reply)
        if spent == Spent():
            return
        wanted = self._wanted(attempt)
        due = {
            "tokens": sum(spent) - wanted["tokens"],
            "input_tokens": spent.input - wanted["input_tokens"],
            "output_tokens": spent.output,
        }
        for kind, bucket in self._of(attempt.session, now).items():
            bucket.take(due.get(kind, 0), now)

    def headers(self, attempt: Attempt, now: float) -> tuple[tuple[str, str], ...]:
        """How the buckets of an attempt's session stand."""
        buckets = self._of(attempt.session, now)
        return tuple(
            line
            for kind, bucket in buckets.items()
            for line in header_lines(kind, bucket.limit, bucket.left(now), attempt.wall)
        )

    def forget(self, session: str) -> None:
        """Fill the buckets of a session."""
        self._buckets.pop(session, None)

    def _of(self, session: str, now: float) -> dict[str, Bucket]:
        buckets = self._buckets.get(session)
        if buckets is None:
            if len(self._buckets) >= _KNOWN:
                self._buckets.pop(next(iter(self._buckets)))
            buckets = {kind: Bucket(limit, now) for kind, limit in self._limits.kinds.items()}
            self._buckets[session] = buckets
        return buckets

    @staticmethod
    def _wanted(attempt: Attempt) -> dict[str, int]:
        """What a request brings. A bucket of output tokens must not be empty."""
        tokens = len(attempt.body) // _CHARACTERS
        return {"requests": 1, "tokens": tokens, "input_tokens": tokens, "output_tokens": 1}


def header_lines(kind: str, limit: int, left: float, wall: float) -> list[tuple[str, str]]:
    """The three headers of a limit; `wall` in seconds since the epoch.

    Tokens that are left are rounded to thousands, as the API does.
    """
    whole = max(0, int(left))
    shown = whole if kind == "requests" else min(limit, round(whole, -3))
    reset = _rfc3339(int(wall + (limit - whole) / limit * MINUTE))
    name = PREFIX + kind.replace("_", "-")
    return [(f"{name}-limit", str(limit)), (f"{name}-remaining", str(shown)), (f"{name}-reset", reset)]


@lru_cache(maxsize=256)
def _rfc3339(wall: int) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
