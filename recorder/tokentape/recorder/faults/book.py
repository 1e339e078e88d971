"""The Book: who gets which fault."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tokentape.recorder.faults.apply import struck
from tokentape.recorder.faults.attempt import digest, fits
from tokentape.recorder.faults.buckets import PREFIX, Limiter, Limits
from tokentape.recorder.faults.catalogue import DECLARED
from tokentape.recorder.faults.replies import instead

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from tokentape.recorder.faults.attempt import Attempt
    from tokentape.recorder.faults.chaos import Chaos
    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.wire.reply import Reply

_KNOWN: Final = 10_000
"""Counts that are kept; beyond them the oldest are forgotten."""
_SPOILED: Final = 256
"""Spoiled replies that are kept; beyond them the oldest is lost."""


class Counts:
    """Counts by key, of a bounded number of keys."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, int] = {}

    def get(self, key: Hashable) -> int:
        """How often it was counted."""
        return self._counts.get(key, 0)

    def count(self, key: Hashable) -> int:
        """Count it; how often it was counted before."""
        before = self._counts.pop(key, 0)
        if len(self._counts) >= _KNOWN:
            self._counts.pop(next(iter(self._counts)))
        self._counts[key] = before + 1
        return before

    def __len__(self) -> int:
        return len(self._counts)


class _Entry:
    """A fault of the book, and whom it met."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        where = fault.where
        self._first = where.nth or 1
        self._times = where.times or (1 if where.nth else 0)
        self._met = Counts()
        self._struck = Counts()
        self.limiter = Limiter(Limits.of(fault)) if fault.name == "limits" else None

    def strikes(self, key: Hashable, *, free: bool) -> bool:
        """It strikes whom it meets here; `free` unless another fault has struck already."""
        met = self._met.count(key) + 1
        used_up = self._times and self._struck.get(key) >= self._times
        if not free or met < self._first or used_up:
            return False
        self._struck.count(key)
        return True


class Book:
    """Faults in their order: the first that is not used up strikes; else chaos has its draw.

    Each session has counts and buckets of its own. Nothing here waits or locks: one thread at a time.
    """

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        *,
        chaos: Chaos | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`clock` tells seconds; limits alone look at it."""
        self._chaos = chaos
        self._clock = clock
        self._attempts = Counts()
        self._rounds: dict[str, int] = {}
        self._spoiled: dict[Hashable, Reply] = {}
        self._entries = [_Entry(fault) for fault in faults]

    def __bool__(self) -> bool:
        """Anything could strike."""
        return bool(self._entries) or self._chaos is not None

    def inject(self, *faults: Fault) -> None:
        """Add faults, behind those that are there; they count from now on."""
        self._entries += [_Entry(fault) for fault in faults]

    def forget(self, session: str) -> None:
        """Begin anew with a session."""
        if len(self._rounds) >= _KNOWN:
            self._rounds.pop(next(iter(self._rounds)))
        self._rounds[session] = self._rounds.get(session, 0) + 1
        for entry in self._entries:
            if entry.limiter is not None:
                entry.limiter.forget(session)

    # Strikes.

    def refuses(self) -> bool:
        """A connection that has just been made is to be reset."""
        refusing = (entry for entry in self._entries if entry.fault.name == "refused")
        struck_already = False
        for entry in refusing:
            struck_already |= entry.strikes("", free=not struck_already)
        return struck_already

    def strike(self, attempt: Attempt) -> Fault | None:
        """The fault that strikes an attempt, which is counted."""
        fault: Fault | None = None
        for entry in self._entries:
            if fits(entry.fault, attempt):
                fault = self._meets(entry, attempt, fault)
        number = self._attempts.count((*self._session(attempt), attempt.key)) if self._chaos else 0
        if fault is None and self._chaos is not None:
            fault = self._chaos.draw(attempt, number)
        return fault

    def _meets(self, entry: _Entry, attempt: Attempt, fault: Fault | None) -> Fault | None:
        if entry.limiter is not None:
            return fault or entry.limiter.refusal(attempt, self._clock())
        key = self._session(attempt)
        if entry.fault.where.each == "request":
            key = (*key, attempt.key)
        return entry.fault if entry.strikes(key, free=fault is None) else fault

    def _session(self, attempt: Attempt) -> tuple[Hashable, ...]:
        return attempt.session, self._rounds.get(attempt.session, 0)

    # Replies.

    def limits(self, attempt: Attempt, reply: Reply) -> tuple[tuple[str, str], ...]:
        """Count what a reply spent; the headers that tell how the limits stand then."""
        headers: tuple[tuple[str, str], ...] = ()
        for entry in self._entries:
            if entry.limiter is not None and fits(entry.fault, attempt):
                entry.limiter.settle(attempt, reply, self._clock())
                headers += entry.limiter.headers(attempt, self._clock())
        return headers

    def answer(self, attempt: Attempt, play: Callable[[], Reply]) -> Reply:
        """The reply to an attempt, with what strikes it. `play` gives the one that is due, if needed.

        What was played and then spoiled is what the next attempt at the same request gets.
        """
        fault = self.strike(attempt)
        if fault is None:
            return self._limited(attempt, self._due(attempt, play))
        if not attempt.request_id:
            attempt = replace(attempt, request_id=self._request_id(attempt))
        reply = instead(fault, attempt)
        if reply is not None:
            return reply
        due = self._due(attempt, play)
        if DECLARED[fault.name].spoils and due.status == 200:
            self._keep(attempt, due)
        return self._limited(attempt, struck(due, fault))

    def _due(self, attempt: Attempt, play: Callable[[], Reply]) -> Reply:
        key = (*self._session(attempt), attempt.key)
        return self._spoiled.pop(key) if key in self._spoiled else play()

    def _keep(self, attempt: Attempt, reply: Reply) -> None:
        if len(self._spoiled) >= _SPOILED:
            self._spoiled.pop(next(iter(self._spoiled)))
        self._spoiled[(*self._session(attempt), attempt.key)] = reply

    def _limited(self, attempt: Attempt, reply: Reply) -> Reply:
        headers = self.limits(attempt, reply)
        if not headers:
            return reply
        kept = [line for line in reply.headers if not line[0].lower().startswith(PREFIX)]
        return replace(reply, headers=[*kept, *headers])

    def _request_id(self, attempt: Attempt) -> str:
        """Another one for each attempt at a request."""
        number = self._attempts.count(("id", *self._session(attempt), attempt.key))
        name = digest(attempt.session.encode(), attempt.key, str(number).encode())
        return f"req_01{name.hex()[:22]}"
