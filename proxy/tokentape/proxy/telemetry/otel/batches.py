"""A bounded queue with a thread behind it, which takes what has come together in batches."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

ItemT = TypeVar("ItemT")

_log = logging.getLogger(__name__)


class Batches(Generic[ItemT]):
    """Hands items on, in order, in another thread.

    Args:
        name: of the thread.
        handle: takes a batch. Where it raises, the batch is lost.
        lose: is told of lost items, and why; any thread.
        queue: items that may wait.
        batch: items of one batch; so many are handled at once.
        delay: seconds that fewer wait for others; 0 does not wait.
    """

    def __init__(  # noqa: PLR0913 - each is independent of the others
        self,
        name: str,
        handle: Callable[[list[ItemT]], None],
        lose: Callable[[str, list[ItemT]], None],
        *,
        queue: int,
        batch: int,
        delay: float,
    ) -> None:
        self._handle = handle
        self._lose = lose
        self._limit = queue
        self._batch = batch
        self._delay = delay or None
        self._enough = batch if delay else 1
        self._items: deque[ItemT] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._closed = False
        self._failed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to hand items on."""
        self._thread.start()

    def put(self, item: ItemT) -> None:
        """Take an item, or lose it where there is no room. From one thread only; it never waits."""
        items = self._items
        if len(items) >= self._limit or self._closed:
            self._lose("shutdown" if self._closed else "queue_full", [item])
            return
        items.append(item)
        if len(items) >= self._enough and not self._wake.is_set():
            self._wake.set()

    def stop(self) -> None:
        """Hand on what has come without waiting for more."""
        self._stopping = True
        self._wake.set()

    def close(self, seconds: float) -> None:
        """Stop, and wait so long; what is left then is lost. To be called once, after `start`."""
        self.stop()
        self._thread.join(max(0.0, seconds))
        self._closed = True
        if left := self._popped(len(self._items)):
            self._lose("shutdown", left)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._delay)
            self._wake.clear()
            stopping = self._stopping
            while batch := self._popped(self._batch):
                self._take(batch)
            if stopping:
                return

    def _popped(self, most: int) -> list[ItemT]:
        popped: list[ItemT] = []
        while self._items and len(popped) < most:
            try:
                popped.append(self._items.popleft())
            except IndexError:
                break  # Whoever closes took the rest.
        return popped

    def _take(self, batch: list[ItemT]) -> None:
        try:
            self._handle(batch)
        except Exception:
            self._lose("failed", batch)
            if not self._failed:
                _log.exception("%s failed; calls go on without what it loses.", self._thread.name)
            self._failed = True
