"""A worker's side of the link to the observer: bounded, never waited for, exact about what it loses.

What holds, and is tested:

- Every carried exchange ends in exactly one of two counts: closed and acknowledged by an
  observer, or `unmetered`, by reason:

  ``buffer_full``    the observer did not keep up (or was stopped), and the buffer was full
  ``observer_down``  there was no observer when the exchange ended
  ``observer_lost``  the frames were handed to an observer that died before it acknowledged them

- An observer that keeps a ledger may die between writing calls and acknowledging them. So exchanges
  that it leaves open are in doubt, and in no count, until the next observer has said what the ledger
  holds; where none comes before the end, they count as lost.

- The counts live here, so they survive any number of observers.
- `send` does no system call: frames are gathered for about a millisecond and written together.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tokentape.proxy.frames import ACK, HEADER, KEEPS, RECALLED, Hello, Kind, WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BUFFER_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of frames that may wait: about a second of the highest load."""
_BEHIND_BYTES: Final = 4 * 1024 * 1024
_BEHIND_SECONDS: Final = 0.25
"""An observer is behind when so many bytes wait for so long."""
_BACKLOG_BYTES: Final = 256 * 1024
_REMEMBERED_SECONDS: Final = 2.0
"""Once it was, it is for as long as so many bytes wait again so soon."""
_GATHER_SECONDS: Final = 0.001
_GATHER_BYTES: Final = 128 * 1024
_JOINED_BYTES: Final = 64 * 1024
_GATHERED_BYTES: Final = 512 * 1024
_GATHERED_PARTS: Final = 128
_RECONNECT_SECONDS: Final = 0.05
RECORDING_LIMIT: Final = 4 * BUFFER_LIMIT
"""The same where exchanges are recorded: then bodies come whole, however far behind the observer is."""
_DOUBTS: Final = 16
"""Links in doubt; of more, the oldest counts as lost."""


class _Doubt(msgspec.Struct):
    """Exchanges of a link that ended before they were acknowledged."""

    link: str
    closed: int
    acknowledged: int


class LiveExchange(Protocol):
    """What the link needs to know of an exchange under way."""

    id: int
    metered: bool
    """False once the exchange has been given up and counted as unmetered."""

    def announce(self, link: FrameLink) -> None:
        """Send again what a new observer must know: heads and the start, flagged as resumed."""


class FrameLink:
    """Sends frames to whichever observer is there."""

    def __init__(
        self,
        path: str,
        *,
        hello: Callable[[], Hello],
        live: Mapping[int, LiveExchange],
        limit: int = BUFFER_LIMIT,
    ) -> None:
        """Connect to the Unix socket at `path` once `start` is called."""
        self.unmetered: Counter[str] = Counter()
        self.changed = False
        """`unmetered` has grown since the last state was sent."""
        self._path = path
        self._hello = hello
        self._live = live
        self._limit = limit
        self.settle: Callable[[], None] = lambda: None
        """Sends what the data plane has gathered; called before frames begin to go to a new observer."""
        self._socket: socket.socket | None = None
        self._waiting: deque[bytes] = deque()
        self._unsent = memoryview(b"")
        self._size = 0
        self._kept_up_at = 0.0
        self._behind_at = -_REMEMBERED_SECONDS
        self._closed = 0
        self._acknowledged = 0
        self._acks = b""
        self._name = ""
        self._keeps = False
        self._doubts: deque[_Doubt] = deque()
        self._asked = 0
        self._gathering = False
        self._blocked = False
        """The socket is full, and the loop says when it is no longer."""
        self._task: asyncio.Task[None] | None = None
        self._broken = asyncio.Event()
        self._drained = asyncio.Event()

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent."""
        return self._size

    def behind(self) -> bool:
        """Whether the observer does not keep up, so that large bodies had better be skimmed.

        A burst, such as one large upload, is no reason. Once there was one, any backlog is, until there
        has been none for a while: so a lasting overload costs details, and no calls.
        """
        size = self._size
        if size <= _BACKLOG_BYTES:
            return False
        now = self._loop.time()
        if (
            now - self._behind_at < _REMEMBERED_SECONDS
            or (size > _BEHIND_BYTES and now - self._kept_up_at > _BEHIND_SECONDS)
            or size > self._limit * 3 // 4
        ):
            self._behind_at = now
            return True
        return False

    @property
    def connected(self) -> bool:
        """There is an observer, or a place in its queue."""
        return self._socket is not None

    def start(self) -> None:
        """Begin to connect, and to connect again whenever the link breaks."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._stay_connected())

    async def stop(self, wait: float) -> None:
        """Send what is left and await its acknowledgement for at most `wait` seconds, then disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._settled()
        if self._task:
            self._task.cancel()
        self._disconnect()
        while self._doubts:
            self._resolve(0)

    # The hot path.

    def send(  # noqa: PLR0913 - one positional call a frame, measured
        self,
        exchange: LiveExchange,
        kind: int,
        flags: int,
        received: float,
        written: float,
        payload: bytes,
        status: int,
        last: bool,  # noqa: FBT001 - positional for speed
    ) -> None:
        """Queue one frame about an exchange; give the exchange up where there is no room.

        `last` frames end the exchange: from then on it is acknowledged, or counted as unmetered.
        """
        if not exchange.metered:
            return
        if self._socket is None:
            if last:
                self._count("observer_down")
            return
        size = self._size + 32 + len(payload)
        if size > self._limit:
            self._give_up(exchange, kind)
            return
        self._size = size
        waiting = self._waiting
        waiting.append(HEADER.pack(len(payload), kind, flags, status, exchange.id, received, written))
        waiting.append(payload)
        if last:
            self._closed += 1
        if not self._gathering:
            self._gathering = True
            self._loop.call_later(_GATHER_SECONDS, self._flush)
        elif size > _GATHER_BYTES and not self._blocked:
            self._write()

    # Everything else.

    def send_state(self, state: WorkerState) -> None:
        """Queue the worker's own state; skipped while the buffer is full."""
        self.changed = False
        if self._socket is not None and self._size <= self._limit:
            payload = msgspec.json.encode(state)
            self._append(HEADER.pack(len(payload), Kind.STATE, 0, 0, 0, 0.0, 0.0) + payload)

    def _append(self, frame: bytes) -> None:
        self._size += len(frame)
        self._waiting.append(frame)
        if not self._gathering:
            self._gathering = True
            self._loop.call_later(_GATHER_SECONDS, self._flush)

    def _give_up(self, exchange: LiveExchange, kind: int) -> None:
        exchange.metered = False
        self._count("buffer_full")
        if kind != Kind.OPENED:
            # Over the limit, but by no more than one small frame for each exchange that got in.
            self._append(HEADER.pack(0, Kind.DROPPED, 0, 0, exchange.id, 0.0, 0.0))

    def _count(self, reason: str, calls: int = 1) -> None:
        self.unmetered[reason] += calls
        self.changed = True

    def _flush(self) -> None:
        self._gathering = False
        if not self._blocked:
            self._write()

    def _write(self) -> None:
        """Write until everything is gone or the socket is full."""
        while self._socket is not None:
            try:
                if self._unsent:
                    sent = self._socket.send(self._unsent)
                    self._unsent = self._unsent[sent:]
                elif self._waiting:
                    sent = self._send_batch(self._socket)
                else:
                    break
            except (BlockingIOError, InterruptedError):
                self._blocked = True
                self._loop.add_writer(self._socket, self._writable)
                return
            except OSError:
                self._disconnect()
                return
            self._size -= sent
            if self._size <= _BEHIND_BYTES:
                self._kept_up_at = self._loop.time()
        self._drained.set()

    def _send_batch(self, link: socket.socket) -> int:
        """Send what waits, or a part of it; what the socket does not take becomes `_unsent`."""
        waiting = self._waiting
        if self._size <= _JOINED_BYTES:
            # Small frames: one copy is cheaper than many places to gather from.
            parts = [b"".join(waiting)]
            waiting.clear()
        else:
            parts = self._next_parts()
        try:
            sent = link.sendmsg(parts)
        except (BlockingIOError, InterruptedError):
            waiting.extendleft(reversed(parts))
            raise
        if sent < sum(map(len, parts)):
            self._unsent = memoryview(b"".join(parts))[sent:]
        return sent

    def _next_parts(self) -> list[bytes]:
        parts: list[bytes] = []
        size = 0
        while self._waiting and size < _GATHERED_BYTES and len(parts) < _GATHERED_PARTS:
            part = self._waiting.popleft()
            parts.append(part)
            size += len(part)
        return parts

    def _writable(self) -> None:
        if self._socket is not None:
            self._blocked = False
            self._loop.remove_writer(self._socket)
            self._write()

    # Connecting.

    async def _stay_connected(self) -> None:
        while True:
            began = self._loop.time()
            if self._connect():
                await self._broken.wait()
            # At once where an observer that served has gone, and patiently where none will serve.
            if self._loop.time() - began < _RECONNECT_SECONDS:
                await asyncio.sleep(_RECONNECT_SECONDS)

    def _connect(self) -> bool:
        """Whether there is an observer; a Unix socket knows that at once."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.setblocking(False)
        try:
            link.connect(self._path)
        except OSError:
            link.close()
            return False
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            link.setsockopt(socket.SOL_SOCKET, option, 1024 * 1024)
        self._broken.clear()
        self.settle()
        self._socket = link
        self._closed = self._acknowledged = 0
        self._loop.add_reader(link, self._readable)
        self._name = secrets.token_hex(8)
        self._keeps = False
        self._asked = len(self._doubts)
        before = tuple(doubt.link for doubt in self._doubts)
        hello = msgspec.structs.replace(self._hello(), link=self._name, before=before)
        payload = msgspec.json.encode(hello)
        self._append(HEADER.pack(len(payload), Kind.HELLO, 0, 0, 0, 0.0, 0.0) + payload)
        self.changed = True
        for exchange in list(self._live.values()):
            if exchange.metered:
                exchange.announce(self)
        return True

    def _readable(self) -> None:
        if self._socket is not None and not self._receive(self._socket):
            self._disconnect()

    def _receive(self, link: socket.socket) -> bool:
        """Take in acknowledgements; whether the link is still there."""
        try:
            data = link.recv(4096)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        self._acks += data
        whole = len(self._acks) // ACK.size * ACK.size
        for (number,) in ACK.iter_unpack(self._acks[:whole]):
            self._acknowledge(number)
        self._acks = self._acks[whole:]
        self._drained.set()
        return bool(data)

    def _acknowledge(self, number: int) -> None:
        if number < RECALLED:
            self._acknowledged = number
        elif number == KEEPS:
            self._keeps = True
        elif self._asked:
            self._asked -= 1
            self._resolve(number - RECALLED)

    def _resolve(self, settled: int) -> None:
        """What is known now of the oldest link in doubt."""
        doubt = self._doubts.popleft()
        if lost := doubt.closed - max(settled, doubt.acknowledged):
            self._count("observer_lost", lost)

    def _disconnect(self) -> None:
        """Forget the observer; what it was sent and did not acknowledge is unmetered."""
        link, self._socket = self._socket, None
        if link is None:
            return
        self._loop.remove_reader(link)
        self._loop.remove_writer(link)
        # What an observer acknowledged before it went was metered: look for it before counting.
        before = -1
        while before != self._acknowledged:
            before = self._acknowledged
            self._receive(link)
        link.close()
        if self._closed != self._acknowledged:
            self._doubts.append(_Doubt(self._name, self._closed, self._acknowledged))
            if not self._keeps or len(self._doubts) > _DOUBTS:
                self._settle_doubt()
        self._waiting.clear()
        self._unsent = memoryview(b"")
        self._blocked = False
        self._size = 0
        self._acks = b""
        self._closed = self._acknowledged = 0
        self._broken.set()
        self._drained.set()

    def _settle_doubt(self) -> None:
        """Count one link's open exchanges now: the newest without a ledger, else the oldest."""
        if not self._keeps:
            self._doubts.rotate(1)
        self._resolve(0)

    async def _settled(self) -> None:
        while self._socket is not None and (self._size or self._asked or self._acknowledged != self._closed):
            self._drained.clear()
            await self._drained.wait()
