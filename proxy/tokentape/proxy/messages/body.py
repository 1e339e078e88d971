"""A body that is kept until it can be read, as far as its limit allows."""

from __future__ import annotations

from tokentape.proxy.messages.elision import Elider


class Body:
    """Collects the bytes of a body; over its limit it lets go of all but a start, and goes on counting."""

    __slots__ = ("_chunks", "_elide_from", "_elider", "_kept", "_limit", "_start", "size")

    def __init__(self, limit: int, start: int = 0, *, elide_from: int | None = None) -> None:
        """Keep at most `limit` bytes, and of a larger body the first `start`, which are no more than that.

        From `elide_from` bytes on, long strings of the JSON text are replaced by marks (`elision`); what
        is left of them counts towards the limit.
        """
        self._chunks: list[bytes] = []
        self._limit = limit
        self._start = start
        self._elide_from = elide_from
        self._elider: Elider | None = None
        self._kept = 0
        self.size = 0
        """Bytes seen."""

    @property
    def whole(self) -> bool:
        """Nothing had to be let go of."""
        return self._kept <= self._limit

    @property
    def kept(self) -> int:
        """Bytes held, long strings shortened."""
        return self._kept

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        if self._kept > self._limit:
            return
        if self._elider is None and self._elide_from is not None and self.size > self._elide_from:
            self._begin_eliding(Elider())
        if self._elider is not None:
            data = self._elider.feed(data)
        self._kept += len(data)
        self._chunks.append(data)
        if self._kept > self._limit:
            self._chunks = [b"".join(self._chunks)[: self._start]] if self._start else []

    def take(self) -> bytes:
        """What was kept; the body is empty afterwards."""
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _begin_eliding(self, elider: Elider) -> None:
        self._elider = elider
        self._chunks = [elider.feed(chunk) for chunk in self._chunks]
        self._kept = sum(map(len, self._chunks))
