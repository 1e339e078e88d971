"""Results of batches on their way into the ledger: a hundred thousand may come at once.

The ledger's queue is bounded, and what finds no room there is lost. So results wait here, and go over
as room comes; the call that fetched them follows behind, since it is settled only when they are.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from tokentape.proxy.pricing.batches import result_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.batches import BatchResult

ROOM: Final = 8192
"""Calls that may wait in the ledger while results still go over."""
SLICE: Final = 1024
"""Results that go over at once: some ten milliseconds."""


class Backlog:
    """Fetches whose results are still to be handed over, in order."""

    def __init__(self) -> None:
        self._fetches: deque[tuple[Iterator[Call], Callable[[], None]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._fetches)

    def add(self, fetch: Call, results: Sequence[BatchResult], done: Callable[[], None]) -> None:
        """Results of one fetch; `done` is called behind the last."""
        self._fetches.append((result_calls(fetch, results), done))

    def take(self, most: int) -> Iterator[Call]:
        """The next results, at most so many."""
        while self._fetches and most > 0:
            results, done = self._fetches[0]
            call = next(results, None)
            if call is None:
                self._fetches.popleft()
                done()
            else:
                most -= 1
                yield call


def result_calls(fetch: Call, results: Sequence[BatchResult]) -> Iterator[Call]:
    """Each result as a call; none where the fetch names no batch to tell them apart by."""
    if fetch.batch_id is not None:
        for result in results:
            yield result_call(fetch, fetch.batch_id, result)
