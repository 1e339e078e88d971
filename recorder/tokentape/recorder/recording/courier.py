"""The thread that takes takes to disk, and from there to the recorder.

The observer's own thread only appends to a queue, so a slow disk or a busy recorder never delays it.
Everything that came in some hundredths of a second becomes one batch: one spool, one message.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.recording.handover import Batch, Greeting, Inbox, Settled, limit_sending, send
from tokentape.recorder.recording.sink import INCOMPLETE, RECORDED, REFUSED
from tokentape.recorder.recording.spool import Spool
from tokentape.recorder.recording.takes import spooled_head

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tokentape.recorder.recording.sink import Taking
    from tokentape.recorder.recording.takes import Loss

_GATHER_SECONDS: Final = 0.03
_POLL_SECONDS: Final = 0.1
"""Between looks for the recorder's answers, and for the recorder itself."""
_IDLE_SECONDS: Final = 1.0
_SEND_SECONDS: Final = 5
_BATCH_BYTES: Final = 16 * 1024 * 1024
_NAMED: Final = 256
"""Losses of one batch that are named; the rest is counted."""
_OPEN_SPOOLS: Final = 512
"""Takes that may be on disk before they have ended: each is an open file."""
_ATTEMPTS: Final = 2
"""Recorders that a batch is given to before it counts as what kills them."""


class _Sent:
    """A batch, until it is settled."""

    __slots__ = ("attempts", "batch", "spool", "takings")

    def __init__(self, batch: Batch, spool: Spool | None, takings: list[Taking]) -> None:
        self.batch = batch
        self.spool = spool
        self.takings = takings
        self.attempts = 0


class SpoolCourier:
    """A courier to the recorder behind a Unix socket.

    Args:
        path: of the socket; somebody holds it open while there is no recorder.
        folder: where spools are, on the disk that the recording is to be on.
        salt: see `Greeting`.
        limit: bytes that the recording may take up, spools included.
    """

    def __init__(self, path: str, folder: Path, *, salt: bytes, limit: int) -> None:
        self._path = path
        self._folder = folder
        self._greeting = Greeting(observer=secrets.token_hex(8), salt=salt)
        self._limit = limit
        self.counts: Counter[tuple[str, str]] = Counter()
        """Exchanges by result and reason, since the start. Safe to read from any thread."""
        self._queue: deque[Callable[[], None]] = deque()
        self._handed = 0
        self._stored = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        # From here on the thread's own.
        self._link: socket.socket | None = None
        self._inbox: Inbox
        self._number = 0
        self._unsent: deque[_Sent] = deque()
        self._unsettled: deque[_Sent] = deque()
        self._spooled = 0
        self._used = 0
        self._open_spools = 0
        self._parts: list[bytes] = []
        self._gathered = 0
        self._takings: list[Taking] = []
        self._losses: list[Loss] = []
        self._seen: dict[str, int] = {}
        self._carried: dict[str, int] = {}
        self._told: tuple[dict[str, int], dict[str, int]] = ({}, {})

    # The observer's thread.

    @property
    def backlog(self) -> int:
        """Bytes that are not on disk yet."""
        return self._handed - self._stored

    @property
    def waiting(self) -> int:
        """Bytes that the recorder has still to work off."""
        return self.backlog + self._spooled

    @property
    def room(self) -> bool:
        """The disk takes more."""
        return self._used + self._spooled < self._limit

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Hand over what there is, within so many seconds."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(seconds)

    def spill(self, taking: Taking, frames: bytes) -> None:
        """See `sink.Courier`."""
        self._handed += len(frames)
        self._put(lambda: self._spill(taking, frames))

    def close(self, taking: Taking, frames: bytes) -> None:
        """See `sink.Courier`."""
        self._handed += len(frames)
        self._put(lambda: self._close(taking, frames))

    def forget(self, taking: Taking) -> None:
        """See `sink.Courier`."""
        self._put(lambda: self._forget(taking))

    def lose(self, loss: Loss) -> None:
        """See `sink.Courier`."""
        self._put(lambda: self._lose(loss))

    def count(self, result: str, reason: str) -> None:
        """See `sink.Courier`."""
        self.counts[result, reason] += 1

    def saw(self, worker: str, *, seen: int, carried: int) -> None:
        """See `sink.Courier`."""
        self._put(lambda: self._saw(worker, seen, carried))

    def _put(self, step: Callable[[], None]) -> None:
        self._queue.append(step)
        if not self._wake.is_set():
            self._wake.set()

    # The courier's thread.

    def _run(self) -> None:
        while True:
            busy = bool(self._unsettled or self._unsent or self._link is None)
            self._wake.wait(_POLL_SECONDS if busy else _IDLE_SECONDS)
            stopping = self._stopping.is_set()
            if self._wake.is_set() and not stopping:
                self._stopping.wait(_GATHER_SECONDS)
            self._wake.clear()
            self._work()
            if stopping and not self._queue and not self._unsent:
                break
        # What was sent is the recorder's now.
        for sent in self._unsettled:
            self._drop(sent)
        self._unsettled.clear()
        self._disconnect()

    def _work(self) -> None:
        self._receive()
        while self._queue:
            self._queue.popleft()()
        self._cut()
        if self._link is None:
            self._connect()
        self._send()

    def _spill(self, taking: Taking, frames: bytes) -> None:
        self._stored += len(frames)
        if taking.failed:
            return
        try:
            if taking.file is None:
                taking.file = self._begin(taking)
            self._write(taking.file, [frames])
        except OSError:
            self._forget(taking)
            taking.failed = True

    def _begin(self, taking: Taking) -> Spool:
        if self._open_spools >= _OPEN_SPOOLS:
            raise OSError("too many takes are open")
        spool = Spool(self._folder)
        self._open_spools += 1
        self._write(spool, [spooled_head(taking.origin, 0)])
        return spool

    def _write(self, spool: Spool, parts: list[bytes]) -> None:
        before = spool.size
        spool.append(parts)
        self._spooled += spool.size - before

    def _close(self, taking: Taking, frames: bytes) -> None:
        if taking.file is not None:
            self._stored += len(frames)
            self._close_spilled(taking, taking.file, frames)
        elif taking.failed:
            self._stored += len(frames)
            self._lose(taking.loss("disk_error"))
        else:
            self._takings.append(taking)
            self._parts += (spooled_head(taking.origin, len(frames)), frames)
            self._gathered += len(frames)
            if self._gathered >= _BATCH_BYTES:
                self._cut()

    def _close_spilled(self, taking: Taking, spool: Spool, frames: bytes) -> None:
        try:
            self._write(spool, [frames])
            head = len(spooled_head(taking.origin, 0))
            spool.patch(spooled_head(taking.origin, spool.size - head))
        except OSError:
            self._forget(taking)
            self._lose(taking.loss("disk_error"))
            return
        taking.file = None
        self._open_spools -= 1
        self._cut()
        self._add(spool, [taking])

    def _forget(self, taking: Taking) -> None:
        spool, taking.file = taking.file, None
        if spool is not None:
            self._open_spools -= 1
            self._discard(spool)

    def _discard(self, spool: Spool) -> None:
        self._spooled -= spool.size
        spool.close()

    def _lose(self, loss: Loss) -> None:
        self.counts[INCOMPLETE, loss.reason] += 1
        self._losses.append(loss)

    def _saw(self, worker: str, seen: int, carried: int) -> None:
        self._seen[worker] = seen
        self._carried[worker] = carried

    def _cut(self) -> None:
        """Make a batch of what was gathered, and of what is to be told."""
        parts, takings, size = self._parts, self._takings, self._gathered
        self._parts, self._takings, self._gathered = [], [], 0
        if takings:
            self._spool(parts, takings)
            self._stored += size
        elif self._losses or (self._seen, self._carried) != self._told:
            self._add(None, [])

    def _spool(self, parts: list[bytes], takings: list[Taking]) -> None:
        spool = None
        try:
            spool = Spool(self._folder)
            self._write(spool, parts)
        except OSError:
            for taking in takings:
                self._lose(taking.loss("disk_error"))
            if spool is not None:
                spool.close()
            return
        self._add(spool, takings)

    def _add(self, spool: Spool | None, takings: list[Taking]) -> None:
        self._number += 1
        losses, self._losses = self._losses, []
        self._told = (dict(self._seen), dict(self._carried))
        batch = Batch(
            number=self._number,
            size=spool.size if spool else 0,
            losses=tuple(losses[:_NAMED]),
            more_losses=max(0, len(losses) - _NAMED),
            seen=self._told[0],
            carried=self._told[1],
        )
        self._unsent.append(_Sent(batch, spool, takings))

    # The link.

    def _connect(self) -> None:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        limit_sending(link, _SEND_SECONDS)
        try:
            link.connect(self._path)
            send(link, self._greeting)
        except OSError:
            link.close()
            return
        self._link, self._inbox = link, Inbox(link)

    def _send(self) -> None:
        while self._link is not None and self._unsent:
            sent = self._unsent[0]
            try:
                send(self._link, sent.batch, sent.spool.fileno() if sent.spool else None)
            except OSError:
                self._disconnect()
                return
            sent.attempts += 1
            self._unsettled.append(self._unsent.popleft())

    def _receive(self) -> None:
        while self._link is not None:
            try:
                messages = self._inbox.receive()
            except BlockingIOError:
                return
            except (OSError, EOFError, msgspec.MsgspecError):
                self._disconnect()
                return
            for message, _ in messages:
                if isinstance(message, Settled):
                    self._settled(message)

    def _settled(self, settled: Settled) -> None:
        while self._unsettled and self._unsettled[0].batch.number <= settled.number:
            self._drop(self._unsettled.popleft())
        self._used = settled.used
        self.counts[RECORDED, ""] += settled.recorded
        for result, reasons in ((REFUSED, settled.refused), (INCOMPLETE, settled.lost)):
            for reason, count in reasons.items():
                self.counts[result, reason] += count

    def _disconnect(self) -> None:
        """Go on with the recorder's successor: what was not settled is sent again, but not for ever."""
        link, self._link = self._link, None
        if link is None:
            return
        self._inbox.close()
        with contextlib.suppress(OSError):
            link.close()
        again = list(self._unsettled)
        self._unsettled.clear()
        if again and again[0].attempts >= _ATTEMPTS:
            again[0] = self._without_takes(again[0])
        self._unsent.extendleft(reversed(again))

    def _without_takes(self, sent: _Sent) -> _Sent:
        """The first is what recorders worked on when they ended: its takes are lost, its news is not."""
        losses = [taking.loss("recorder_failed") for taking in sent.takings]
        self.counts[INCOMPLETE, "recorder_failed"] += len(losses)
        self._drop(sent)
        named = (*sent.batch.losses, *losses[:_NAMED])
        more = sent.batch.more_losses + max(0, len(losses) - _NAMED)
        batch = msgspec.structs.replace(sent.batch, size=0, losses=named, more_losses=more)
        return _Sent(batch, None, [])

    def _drop(self, sent: _Sent) -> None:
        if sent.spool is not None:
            self._discard(sent.spool)
