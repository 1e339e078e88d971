"""The observer's side: an ExchangeSink that keeps the frames of what may be recorded, exchange by exchange.

It touches no disk. A take that grows is handed to the courier piece by piece, so that an open stream
never holds more than `SPILL` bytes here, and all of them together no more than `HELD`; where the disk
does not keep up with that, takes are lost, and counted, and traffic goes on.

What holds, and is tested:

- Every exchange that the data plane carried is counted once in `seen`: handed over whole, excluded, or
  lost with a name. What is carried and never seen (its frames did not get here) is the difference
  between a worker's own count and this one.
- A take is whole or a loss: a frame less, and it is never handed over.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from tokentape.proxy.frames import Flag, Kind
from tokentape.proxy.messages.routes import find_route
from tokentape.recorder.recording.takes import Loss, Origin, spooled_frames, spooled_origin
from tokentape.recorder.scrubbing.allowed import recordable

if TYPE_CHECKING:
    from tokentape.proxy.frames import Anchor, Frame, Hello, WorkerState
    from tokentape.recorder.recording.spool import Spool
    from tokentape.recorder.recording.takes import Take

SPILL: Final = 256 * 1024
"""Bytes of one open take; from here on it goes on on disk."""
HELD: Final = 64 * 1024 * 1024
"""Bytes in memory of all takes, open ones and those on their way to disk."""
_SPILL_ALL: Final = HELD // 2
"""Bytes from which on every take that grows goes to disk."""
_FRAME_COST: Final = 300
"""Bytes that a frame takes in memory beside its payload."""
_KEPT_GONE: Final = 4096
_LIVES: Final = 1024
"""Worker processes that are remembered."""

# Bare integers: compared for every frame.
_OPENED: Final = int(Kind.OPENED)
_CLOSED: Final = int(Kind.CLOSED)
_DROPPED: Final = int(Kind.DROPPED)
_RESPONSE_HEAD: Final = int(Kind.RESPONSE_HEAD)
_REQUEST_BODY: Final = int(Kind.REQUEST_BODY)
_REPLY: Final = (_RESPONSE_HEAD, int(Kind.RESPONSE_BODY))
_REQUEST_ID: Final = re.compile(rb"\r\nrequest-id:[ \t]*([\w-]{1,128})", re.IGNORECASE)

RECORDED: Final = "recorded"
INCOMPLETE: Final = "incomplete"
REFUSED: Final = "refused"
"""What becomes of an exchange: the `result` label of `tokentape_recording_exchanges_total`."""
EXCLUDED: Final = "endpoint"
"""The reason under which exchanges are counted that are not for cassettes."""


class Taking:
    """A take under way."""

    __slots__ = (
        "at",
        "endpoint",
        "excluded",
        "failed",
        "file",
        "frames",
        "held",
        "lost",
        "number",
        "origin",
        "request_id",
    )

    def __init__(self, number: int, at: float, origin: bytes) -> None:
        self.number = number
        self.at = at
        """Seconds since the epoch at which it began."""
        self.origin = origin
        self.endpoint = ""
        self.request_id = ""
        self.frames: list[Frame] = []
        self.held = 0
        """Bytes of `frames`."""
        self.excluded = False
        self.lost = ""
        """Why it cannot be recorded any more; told once, at its end."""
        self.file: Spool | None = None
        """Where its first parts are; this and the next are the courier's own."""
        self.failed = False

    def loss(self, reason: str) -> Loss:
        """It, as lost."""
        return Loss(reason=reason, endpoint=self.endpoint, at=self.at, request_id=self.request_id)


class Courier(Protocol):
    """Where takes go from here. Nothing of it waits."""

    @property
    def backlog(self) -> int:
        """Bytes that were handed over and are still in memory."""
        ...

    @property
    def room(self) -> bool:
        """The disk takes more."""
        ...

    def spill(self, taking: Taking, frames: bytes) -> None:
        """A further part of a take that goes on."""

    def close(self, taking: Taking, frames: bytes) -> None:
        """The last part of a take."""

    def forget(self, taking: Taking) -> None:
        """A take that was spilled is lost."""

    def lose(self, loss: Loss) -> None:
        """An exchange was lost, and is counted as incomplete."""

    def count(self, result: str, reason: str) -> None:
        """An exchange ended, and there is nothing of it to keep."""

    def saw(self, worker: str, *, seen: int, carried: int) -> None:
        """How many exchanges of a worker have ended here, and how many it says it carried."""


class _Worker:
    """What is known of one worker."""

    def __init__(self, hello: Hello) -> None:
        self.name = hello.worker
        self.upstream = hello.upstream
        self.takings: dict[int, Taking] = {}
        self.gone: dict[int, None] = {}
        """Exchanges that were lost with an earlier link of the worker, in case it announces them again."""
        self.seen = 0
        self.carried = 0
        self.anchor = hello.anchor
        self.origin = b""
        self.turn_to(hello.anchor)

    def turn_to(self, anchor: Anchor) -> None:
        """From now on its times go by this anchor."""
        self.anchor = anchor
        self.origin = spooled_origin(Origin(worker=self.name, upstream=self.upstream, anchor=anchor))


class RecordingSink:
    """An ExchangeSink and WorkerSink for a courier."""

    name = "recording"

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._workers: dict[str, _Worker] = {}
        self._hello: Hello | None = None
        self._worker: _Worker
        self._takings: dict[int, Taking] = {}
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes of open takes in memory."""
        return self._held

    def frame(self, worker: Hello, frame: Frame) -> None:
        """Keep a frame; see `ExchangeSink`."""
        if worker is not self._hello:
            self._turn_to(worker)
        kind = frame.kind
        if kind == _OPENED:
            self._open(frame)
            return
        taking = self._takings.get(frame.exchange)
        if taking is None:
            return
        size = len(frame.payload) + _FRAME_COST
        taking.frames.append(frame)
        taking.held += size
        self._held += size
        if kind >= _CLOSED or (frame.flags & Flag.LAST and kind in _REPLY):
            self._end(taking, frame)
        elif kind == _REQUEST_BODY and frame.flags & Flag.SKIMMED:
            self._give_up(taking, "skimmed")
        elif taking.excluded or taking.lost:
            self._clear(taking)
        elif taking.held > SPILL or self._held > _SPILL_ALL:
            self._spill(taking)

    def worker_state(self, worker: Hello, state: WorkerState) -> None:
        """Take over the worker's clock and its count."""
        known = self._known(worker)
        known.carried = max(known.carried, state.carried)
        if abs(state.anchor.wall_time(0.0) - known.anchor.wall_time(0.0)) > 0.001:
            known.turn_to(state.anchor)
        self._courier.saw(known.name, seen=known.seen, carried=known.carried)

    def worker_gone(self, worker: Hello) -> None:
        """What was under way on the link is lost."""
        known = self._known(worker)
        for taking in list(known.takings.values()):
            known.gone[taking.number] = None
            self._give_up(taking, "worker_lost")
            self._finish(known, taking)
        while len(known.gone) > _KEPT_GONE:
            del known.gone[next(iter(known.gone))]

    def added_latency(self, direction: str, seconds: float) -> None:
        """Not recorded."""

    def _known(self, hello: Hello) -> _Worker:
        known = self._workers.get(hello.worker)
        if known is None:
            known = self._workers[hello.worker] = _Worker(hello)
            if len(self._workers) > _LIVES:
                del self._workers[next(iter(self._workers))]
        return known

    def _turn_to(self, hello: Hello) -> None:
        self._hello = hello
        self._worker = self._known(hello)
        self._takings = self._worker.takings

    def _open(self, frame: Frame) -> None:
        worker = self._worker
        if frame.flags & Flag.RESUMED and frame.exchange in worker.gone:
            return
        taking = Taking(frame.exchange, worker.anchor.wall_time(frame.received), worker.origin)
        self._takings[frame.exchange] = taking
        method, target = _asked(frame.payload)
        if not recordable(method, target):
            taking.excluded = True
            return
        taking.endpoint = f"{method} {find_route(method, target).endpoint}"
        if frame.flags & Flag.RESUMED:
            self._give_up(taking, "observer_restarted")
            return
        size = len(frame.payload) + _FRAME_COST
        taking.frames.append(frame)
        taking.held = size
        self._held += size

    def _end(self, taking: Taking, frame: Frame) -> None:
        if frame.kind == _DROPPED:
            self._give_up(taking, "observer_behind")
        elif refusal := self._refusal():
            self._give_up(taking, refusal)
        if not taking.excluded and not taking.lost:
            self._courier.close(taking, spooled_frames(taking.frames))
        self._finish(self._worker, taking)

    def _spill(self, taking: Taking) -> None:
        if refusal := self._refusal():
            self._give_up(taking, refusal)
            return
        if not taking.request_id:
            taking.request_id = _request_id(taking.frames)
        frames = spooled_frames(taking.frames)
        self._clear(taking)
        self._courier.spill(taking, frames)

    def _refusal(self) -> str:
        """Why nothing more can be handed over now; empty where it can."""
        if not self._courier.room:
            return "disk_limit"
        return "" if self._held + self._courier.backlog < HELD else "spool_full"

    def _give_up(self, taking: Taking, reason: str) -> None:
        """Record no more of it; its end is awaited all the same, since that is where it counts."""
        if taking.excluded or taking.lost:
            return
        taking.lost = reason
        taking.request_id = taking.request_id or _request_id(taking.frames)
        self._clear(taking)
        self._courier.forget(taking)

    def _finish(self, worker: _Worker, taking: Taking) -> None:
        """Count an exchange that ended: it counts as seen only behind what became of it."""
        self._clear(taking)
        del worker.takings[taking.number]
        if taking.excluded:
            self._courier.count(REFUSED, EXCLUDED)
        elif taking.lost:
            self._courier.lose(taking.loss(taking.lost))
        worker.seen += 1
        self._courier.saw(worker.name, seen=worker.seen, carried=worker.carried)

    def _clear(self, taking: Taking) -> None:
        self._held -= taking.held
        taking.held = 0
        taking.frames = []


def _asked(opened: bytes) -> tuple[str, str]:
    """Method and target of an OPENED payload, whose head is not copied for that."""
    start = 2 + int.from_bytes(opened[:2], "little")
    line = opened[start : opened.find(b"\r\n", start)].decode("latin-1")
    method, _, rest = line.partition(" ")
    return method, rest.rpartition(" ")[0]


def _request_id(frames: list[Frame]) -> str:
    for frame in frames:
        if frame.kind == _RESPONSE_HEAD and (found := _REQUEST_ID.search(frame.payload)):
            return found[1].decode()
    return ""


def taken_loss(take: Take, reason: str) -> Loss:
    """A take that turned out not to be one for a cassette, as a loss."""
    first = take.frames[0]
    method, target = _asked(first.payload)
    return Loss(
        reason=reason,
        endpoint=f"{method} {find_route(method, target).endpoint}",
        at=take.origin.anchor.wall_time(first.received),
        request_id=_request_id(take.frames),
    )
