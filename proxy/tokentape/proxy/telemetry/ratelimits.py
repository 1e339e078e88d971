"""Rate-limit gauges: what the API last said, for as long as it holds.

A limit is known from the moment a reply names it until its reset; before and after it is absent,
because an old "remaining 3" is worse than no value. Of two replies the one whose head came later
counts, whichever ended first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from tokentape.proxy.messages.call import RateLimit, RateLimitWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.telemetry.instruments import Instruments

MAX_LIMITS = 200
"""Groups of limits that are remembered; the ones not heard of for the longest time go first."""

HOLDS_WITHOUT_RESET = 60.0
"""Seconds for which a limit holds whose reset the API did not name."""

LimitT = TypeVar("LimitT", RateLimit, RateLimitWindow)


def _until(limit: RateLimit | RateLimitWindow, at: float) -> float:
    """When a limit stops to hold that the API named at `at`, in seconds since the epoch."""
    return at + HOLDS_WITHOUT_RESET if limit.reset_at is None else limit.reset_at


class Limits(Generic[LimitT]):
    """The limits of one sort by their labels. Written by one thread, read by another."""

    def __init__(self, clock: Callable[[], float], overflow: Callable[[], None]) -> None:
        self._clock = clock
        self._overflow = overflow
        self._heard: OrderedDict[tuple[str, ...], tuple[LimitT, float]] = OrderedDict()
        """Each with when the API named it."""

    def hear(self, labels: tuple[str, ...], limit: LimitT, at: float) -> None:
        """Take over a limit, unless a newer one is known."""
        heard = self._heard
        known = heard.get(labels)
        if known is not None and known[1] > at:
            return
        heard[labels] = (limit, at)
        if known is not None:
            heard.move_to_end(labels)
        elif len(heard) > MAX_LIMITS:
            heard.popitem(last=False)
            self._overflow()

    def values(self, value: Callable[[LimitT], float | None]) -> Iterable[tuple[tuple[str, ...], float]]:
        """The values that hold now."""
        now = self._clock()
        for labels, (limit, at) in list(self._heard.items()):
            number = value(limit)
            if number is not None and _until(limit, at) > now:
                yield labels, number


class RateLimitMeters:
    """All rate-limit gauges."""

    def __init__(self, instruments: Instruments, model: Callable[[str], str]) -> None:
        overflow = instruments.overflow("credential")
        self._model = model
        self._limits: Limits[RateLimit] = Limits(instruments.clock, overflow)
        self._windows: Limits[RateLimitWindow] = Limits(instruments.clock, overflow)

        def limit(name: str, value: Callable[[RateLimit], float | None]) -> None:
            instruments.compute(name, lambda: self._limits.values(value))

        limit("tokentape_ratelimit_limit", lambda limit: limit.limit)
        limit("tokentape_ratelimit_remaining", lambda limit: limit.remaining)
        limit("tokentape_ratelimit_reset_timestamp_seconds", lambda limit: limit.reset_at)
        instruments.compute(
            "tokentape_ratelimit_utilization_ratio",
            lambda: self._windows.values(lambda window: window.utilization),
        )

    def record(self, call: Call) -> None:
        """Take over what the head of a reply said."""
        credential, model = call.credential or "none", self._model(call.model)
        at = call.started_at + (call.timings.headers or 0)
        for limit in call.rate_limits:
            self._limits.hear((credential, model, limit.kind), limit, at)
        for window in call.rate_limit_windows:
            self._windows.hear((credential, window.window), window, at)
