"""Signals that stop a command: the first lets work finish, a later one does not wait for it."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class StopSignals:
    """SIGINT, SIGTERM and SIGHUP of this process, as long as the context lasts.

    SIGHUP comes when a terminal is closed; where it is ignored already (nohup), it stays ignored.
    """

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.later: Callable[[], None] | None = None
        """What the second signal, and each one after it, does."""

    def __enter__(self) -> Self:
        """Take the signals over from the event loop that runs."""
        loop = asyncio.get_running_loop()
        hung_up = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        self._numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hung_up else [])]
        for number in self._numbers:
            loop.add_signal_handler(number, self._received)
        return self

    def __exit__(self, *_error: object) -> None:
        """Give the signals back."""
        for number in self._numbers:
            asyncio.get_running_loop().remove_signal_handler(number)

    def _received(self) -> None:
        if self.first.is_set() and self.later is not None:
            self.later()
        self.first.set()
