"""The observer's process: takes links from workers, reads frames, acknowledges what it has handled.

One thread, one selector. What a worker sends is read in large pieces; the reply is a running count of
finished calls, sent at most every `_ACK_SECONDS`, since each wakes a worker that has better things to do.
With a ledger, a call is finished once the ledger has committed it, or counted it as lost.

It outlives its workers: told to stop, it first reads what their links still hold.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.frames import ACK, KEEPS, RECALLED, BrokenLinkError, FrameReader
from tokentape.proxy.messages.attempts import AttemptTracker
from tokentape.proxy.observer.assembly import Assembler

if TYPE_CHECKING:
    from types import FrameType

    from tokentape.proxy.observer.dispatch import Dispatch

_ACK_SECONDS: Final = 0.02
_GRACE_SECONDS: Final = 1.0
"""How long a stopping observer waits for links that are still in the listener's queue."""
_RESULTS_SECONDS: Final = 2.0
"""How long a stopping observer waits for the ledger to make room for results of batches."""
_ORPHAN_SECONDS: Final = 3600.0
"""How long it waits at the most for workers that drain after the supervisor died; it ends with the last."""


class ObserverConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells an observer."""

    listener: int
    """File descriptor of the Unix listening socket, held open by the supervisor over restarts."""
    lifeline: int
    """File descriptor of a pipe that ends when the supervisor does."""
    salt_file: str
    """Where the salt of all hashes is kept, 0600; made by the first observer."""


class _Link:
    """One worker's connection."""

    __slots__ = ("acknowledged", "asked", "assembler", "reader", "socket")

    def __init__(self, link: socket.socket, assembler: Assembler) -> None:
        self.socket = link
        self.assembler = assembler
        self.reader = FrameReader()
        self.acknowledged = 0
        self.asked: list[str] | None = None
        """Earlier links of the worker whose last exchanges it wants to know of; `None` before its HELLO."""


class Observer:
    """Reads all links until it is told to stop."""

    def __init__(self, config: ObserverConfig, dispatch: Dispatch, salt: bytes | None = None) -> None:
        """Take the listener over; `salt` is that of a ledger, by default the one in the salt file."""
        self._dispatch = dispatch
        self._listener = socket.socket(fileno=config.listener)
        self._listener.setblocking(False)
        self._lifeline = config.lifeline
        self._salt = salt or read_salt(Path(config.salt_file))
        self._attempts = AttemptTracker()
        self._links: set[_Link] = set()
        self._selector = selectors.DefaultSelector()
        self._stop_at: float | None = None
        self._last_ack = 0.0
        self._unacknowledged = False
        self._wake_read, self._wake_write = os.pipe()
        self._settled_read, self._settled_write = os.pipe()
        os.set_blocking(self._settled_write, False)

    @property
    def workers(self) -> int:
        """Links that are open now. Safe to read from another thread."""
        return len(self._links)

    def stop(self) -> None:
        """End once all links have ended. Safe to call from a signal handler."""
        os.write(self._wake_write, b".")

    def settled(self) -> None:
        """The ledger has settled calls. Safe to call from any thread, and quick."""
        try:
            os.write(self._settled_write, b".")
        except BlockingIOError:
            return  # It was told often enough.

    def run(self) -> None:
        """Serve until told to stop, or until the supervisor has gone and the workers have drained."""
        register = self._selector.register
        register(self._listener, selectors.EVENT_READ, self._accept)
        register(self._lifeline, selectors.EVENT_READ, self._supervisor_gone)
        register(self._wake_read, selectors.EVENT_READ, self._asked_to_stop)
        register(self._settled_read, selectors.EVENT_READ, self._ledger_settled)
        while not self._finished():
            timeout = _ACK_SECONDS if self._unacknowledged or self._stop_at else None
            for key, _ in self._selector.select(timeout):
                if isinstance(key.data, _Link):
                    self._read(key.data)
                else:
                    key.data()
            self._acknowledge()
        for link in list(self._links):
            self._drop(link)
        self._hand_over_results()
        self._selector.close()

    def _finished(self) -> bool:
        if self._stop_at is None:
            return False
        return not self._links or monotonic() > self._stop_at

    def _asked_to_stop(self) -> None:
        os.read(self._wake_read, 64)
        self._stop_at = monotonic() + _GRACE_SECONDS
        self._accept()

    def _ledger_settled(self) -> None:
        os.read(self._settled_read, 4096)
        self._dispatch.pump()
        self._unacknowledged = True

    def _hand_over_results(self) -> None:
        """What waits for room in the ledger goes over, for as long as the ledger makes any."""
        while self._dispatch.behind and self._selector.select(_RESULTS_SECONDS):
            self._ledger_settled()

    def _supervisor_gone(self) -> None:
        self._selector.unregister(self._lifeline)
        self._stop_at = monotonic() + _ORPHAN_SECONDS
        self._accept()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            link.setblocking(False)
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                link.setsockopt(socket.SOL_SOCKET, option, 1024 * 1024)
            assembler = Assembler(self._dispatch, salt=self._salt, attempts=self._attempts)
            opened = _Link(link, assembler)
            self._links.add(opened)
            self._selector.register(link, selectors.EVENT_READ, opened)

    def _read(self, link: _Link) -> None:
        room = link.reader.space()
        try:
            count = link.socket.recv_into(room)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            count = 0
        finally:
            room.release()
        if not count:
            self._drop(link)
            return
        handle = link.assembler.frame
        try:
            for frame in link.reader.received(count):
                handle(frame)
        except (BrokenLinkError, msgspec.MsgspecError):
            self._dispatch.failed("link")
            self._drop(link)
            return
        if link.asked is None and link.assembler.worker is not None:
            self._greet(link, link.assembler.worker.before)
        if link.assembler.closed != link.acknowledged:
            self._unacknowledged = True

    def _greet(self, link: _Link, before: tuple[str, ...]) -> None:
        """Answer what a worker asks of its earlier links, now or when the ledger has said it."""
        ledger = self._dispatch.ledger
        link.asked = list(before)
        if ledger is None:
            self._answer(link, [RECALLED] * len(before))
            link.asked.clear()
            return
        self._answer(link, [KEEPS])
        for earlier in before:
            ledger.recall(earlier)

    @staticmethod
    def _answer(link: _Link, numbers: list[int]) -> bool:
        """Whether the worker could be told; an answer is small, so it fits whole or not at all."""
        try:
            return bool(link.socket.send(b"".join(map(ACK.pack, numbers)))) if numbers else True
        except OSError:
            return False

    def _acknowledge(self) -> None:
        now = monotonic()
        if not self._unacknowledged or now - self._last_ack < _ACK_SECONDS:
            return
        self._last_ack = now
        self._unacknowledged = False
        for link in self._links:
            self._recalled(link)
            closed = self._handled(link)
            if closed <= link.acknowledged:
                continue
            if self._answer(link, [closed]):
                link.acknowledged = closed
            else:
                # Full or broken: the worker will hear a later count, or its end.
                self._unacknowledged = True

    def _handled(self, link: _Link) -> int:
        """How many exchanges of a link nothing more can happen to."""
        ledger = self._dispatch.ledger
        if ledger is None:
            return link.assembler.closed
        return ledger.settled(link.assembler.link) or 0

    def _recalled(self, link: _Link) -> None:
        ledger = self._dispatch.ledger
        while link.asked and ledger is not None:
            settled = ledger.settled(link.asked[0])
            if settled is None or not self._answer(link, [RECALLED | settled]):
                return
            del link.asked[0]

    def _drop(self, link: _Link) -> None:
        self._links.discard(link)
        self._selector.unregister(link.socket)
        link.socket.close()
        link.assembler.link_lost()


def read_salt(path: Path) -> bytes:
    """The salt kept at `path`, made where there is none yet."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    salt = os.urandom(16)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(salt)
    return salt


def run_observer(observer: Observer) -> None:
    """Run an observer in this process until SIGTERM, or until the supervisor is gone."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        observer.stop()

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C on a terminal reaches the whole group: the supervisor decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    observer.run()
