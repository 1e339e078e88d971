"""What a test meets where nothing may go live."""

from __future__ import annotations


class BlockedError(RuntimeError):
    """A request or a connection that would have left this machine. Its text says what to do."""
