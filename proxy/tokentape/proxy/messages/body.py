"""A body that is kept until it can be read, as far as its limit allows."""

from __future__ import annotations


class Body:
    """Collects the bytes of a body; over its limit it lets go of all but a start, and goes on counting."""

    __slots__ = ("_chunks", "_limit", "_start", "size")

    def __init__(self, limit: int, start: int = 0) -> None:
        """Keep at most `limit` bytes, and of a larger body the first `start`, which are no more than that."""
        self._chunks: list[bytes] = []
        self._limit = limit
        self._start = start
        self.size = 0
        """Bytes seen."""

    @property
    def whole(self) -> bool:
        """Nothing had to be let go of."""
        return self.size <= self._limit

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        fitted = self.whole
        self.size += len(data)
        if self.whole:
            self._chunks.append(data)
        elif fitted:
            self._chunks = [b"".join([*self._chunks, data])[: self._start]]

    def take(self) -> bytes:
        """What was kept; the body is empty afterwards."""
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
