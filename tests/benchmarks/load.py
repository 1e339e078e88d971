"""The nouns of a benchmark: who is running, and what a load carried through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A contender that listens on a loopback port, or the upstream itself for `direct`."""

    name: str
    port: int
    prefix: str = ""
    """Comes before the path of every request."""
    pids: tuple[int, ...] = ()
    """The processes that carry bytes; empty for `direct`."""
    observer: int | None = None
    """The process that understands, where there is one."""
    admin: int | None = None
    """The port of its /metrics."""


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """What one load did, as its generator saw it. Times in seconds."""

    calls: int
    """Complete, well answered replies."""
    seconds: float
    failed: int = 0
    """Refused, broken or timed out."""
    p50: float = 0.0
    p99: float = 0.0
    """Of the whole call, or of its first event: the row says which."""
    behind: float | None = None
    """Share of calls that a paced generator could not start in time; `None` where it has no pace."""


Load: TypeAlias = Callable[[Running], Carried]
"""Puts load on a contender and returns when the load has ended."""
