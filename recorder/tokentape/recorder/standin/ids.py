"""Ids like the API's, the same in every run."""

from __future__ import annotations

from hashlib import blake2b


class Ids:
    """Ids of each kind, counted from a seed."""

    __slots__ = ("_count", "_key")

    def __init__(self, seed: int = 0) -> None:
        self._key = str(seed).encode()
        self._count = 0

    def next(self, prefix: str) -> str:
        """A new id, such as `msg_0124c5...` for the prefix `msg`."""
        self._count += 1
        digest = blake2b(b"%d" % self._count, key=self._key, digest_size=11)
        return f"{prefix}_01{digest.hexdigest()}"
