"""Attempts: which calls are one call, tried again.

The SDK sends a rising `x-stainless-retry-count` with each attempt, and the same `traceparent` where
the application has tracing on. Without a `traceparent` attempts are told by who sent what: the same
credential, the same body, and a rising count. That is a conclusion, so it is marked as inferred.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Trace

MAX_KEYS: Final = 4096
"""Failed calls that may still be tried again, by key; the oldest are forgotten first."""

MAX_WAITING: Final = 16
"""Equal failed calls waiting under one key."""

RETRY_WINDOW: Final = 120.0
"""Seconds within which a client that sends no count is taken to be trying again."""


class Key(NamedTuple):
    """What attempts of one call have in common."""

    parts: tuple[str, ...]
    traced: bool
    """The client itself says so, through its trace context."""


class Attempt(NamedTuple):
    """Where a call stands in a row of attempts."""

    number: int = 0
    inferred: bool = False
    retry_of: str | None = None
    retry_cause: str | None = None


class _Failed(NamedTuple):
    call_id: str
    number: int
    cause: str
    at: float


class AttemptTracker:
    """Remembers failed calls for a while, so that the next attempt can be linked to them."""

    __slots__ = ("_failed",)

    def __init__(self) -> None:
        self._failed: OrderedDict[tuple[str, ...], list[_Failed]] = OrderedDict()

    @property
    def waiting(self) -> bool:
        """Some call failed lately; where none did, no request needs a key."""
        return bool(self._failed)

    def opened(self, key: Key | None, count: int | None, at: float) -> Attempt:
        """A request came in: the attempt it is. `count` is its own retry count, if it sent one."""
        waiting = self._failed.get(key.parts) if key is not None and count != 0 else None
        before = _predecessor(waiting, count, at) if waiting else None
        if key is None or waiting is None or before is None:
            return Attempt(number=count or 0)
        waiting.remove(before)
        if not waiting:
            del self._failed[key.parts]
        number = before.number + 1 if count is None else count
        return Attempt(number, not key.traced, before.call_id, before.cause)

    def failed(self, key: Key | None, call_id: str, number: int, cause: str, at: float) -> None:
        """A call ended badly and may be tried again."""
        if key is None:
            return
        waiting = self._failed.setdefault(key.parts, [])
        self._failed.move_to_end(key.parts)
        waiting.append(_Failed(call_id, number, cause, at))
        del waiting[:-MAX_WAITING]
        if len(self._failed) > MAX_KEYS:
            self._failed.popitem(last=False)


def attempt_key(
    endpoint: str, trace: Trace | None, credential: str | None, body_hash: str | None, count: int | None
) -> Key | None:
    """The key of a request, or `None` where nothing could link it to another.

    A `traceparent` alone is enough only beside a retry count: some clients send one for many calls.
    """
    if trace is not None and count is not None:
        return Key((trace.trace_id, trace.span_id, endpoint), traced=True)
    if body_hash is None:
        return None
    return Key((endpoint, credential or "", body_hash), traced=False)


def _predecessor(waiting: list[_Failed], count: int | None, at: float) -> _Failed | None:
    if count is None:
        latest = waiting[-1]
        return latest if 0 <= at - latest.at <= RETRY_WINDOW else None
    lower = [failed for failed in waiting if failed.number < count]
    return max(lower, key=lambda failed: (failed.number, failed.at), default=None)
