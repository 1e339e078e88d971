"""Plays answers: what is due is written when it is due, and joined into as few writes as there can be.

Writing to a socket wakes the process behind it, so replies that are ready in one turn of the event loop
are written together at its end. Streams whose events are separate writes take turns, one event each.
Streams with times share one timer: an event is written at most half a millisecond before its time, and
times are counted from the request, so that no delay adds up.
"""

from __future__ import annotations

import heapq
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

from tokentape.recorder.wire.answer import GROUP, Ending

if TYPE_CHECKING:
    import asyncio

    from tokentape.recorder.wire.answer import Answer

_EARLY: Final = 0.0005
"""Seconds; event loops count in milliseconds."""


class Listener(Protocol):
    """The connection that an answer is played to."""

    @property
    def transport(self) -> asyncio.Transport:
        """Where to write."""
        ...

    def played(self) -> None:
        """All has been written."""
        ...


class Playback:
    """One answer being played."""

    __slots__ = ("answer", "began", "blocked", "listener", "place", "stopped", "waiting")

    def __init__(self, listener: Listener, answer: Answer, began: float = 0.0) -> None:
        """`began` is when the request had come, in monotonic seconds; 0: now."""
        self.listener = listener
        self.answer = answer
        self.place = 0
        """The next piece."""
        self.began = began or monotonic()
        self.blocked = False
        """The client does not read."""
        self.stopped = False
        """The client is gone."""
        self.waiting = False
        """It has its place among those that take turns."""

    @property
    def written(self) -> int:
        """Bytes handed to the socket; of an answer that is under way."""
        return sum(map(len, self.answer.pieces[: self.place]))


class Player:
    """Plays the answers of all connections of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._out: list[tuple[asyncio.Transport, bytes]] = []
        self._taking_turns: list[Playback] = []
        self._turn_scheduled = False
        self._heap: list[tuple[float, int, Playback]] = []
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0

    # At once.

    def write(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write at the end of this turn."""
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append((transport, data))

    def flush(self) -> None:
        """Write now; called early where a connection is about to end."""
        out, self._out = self._out, []
        for transport, data in out:
            if not transport.is_closing():
                transport.write(data)

    # Playing.

    def play(self, playback: Playback) -> None:
        """Begin, at a moment when everything written before has been queued."""
        answer = playback.answer
        if answer.due:
            self._begin(playback)
        elif len(answer.pieces) == 1 or not answer.separate:
            self._whole(playback)
        else:
            self._take_turns(playback)

    def resume(self, playback: Playback) -> None:
        """The client reads again."""
        if playback.blocked and not playback.stopped:
            playback.blocked = False
            if playback.answer.due:
                self._at(0.0, playback)
            else:
                self._take_turns(playback)

    def _whole(self, playback: Playback) -> None:
        pieces = playback.answer.pieces
        if len(pieces) > 2:
            self._take_turns(playback)
            return
        playback.place = len(pieces)
        data = b"".join(pieces)
        if data:
            self.write(playback.listener.transport, data)
        self._end(playback)

    def _take_turns(self, playback: Playback) -> None:
        if playback.waiting:
            return
        playback.waiting = True
        self._taking_turns.append(playback)
        if not self._turn_scheduled:
            self._turn_scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """One piece for each."""
        playing, self._taking_turns = self._taking_turns, []
        again = self._taking_turns
        for playback in playing:
            if playback.stopped or playback.blocked:
                playback.waiting = False
                continue
            pieces = playback.answer.pieces
            place = playback.place
            playback.place = place + 1
            playback.listener.transport.write(pieces[place])
            if playback.place < len(pieces):
                again.append(playback)
            else:
                self._end(playback)
        self._turn_scheduled = bool(again)
        if again:
            self._loop.call_soon(self._turn)

    # At times.

    def _begin(self, playback: Playback) -> None:
        if playback.answer.due[0] > _EARLY:
            self._at(playback.began + playback.answer.due[0], playback)
        else:
            # A reply that went before on this connection may still be queued.
            self.flush()
            self._advance(playback, playback.began + _EARLY)

    def _at(self, due: float, playback: Playback) -> None:
        self._number += 1
        heapq.heappush(self._heap, (due, self._number, playback))
        self._arm()

    def _arm(self) -> None:
        if not self._heap:
            return
        due = self._heap[0][0]
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_later(max(0.0, due - monotonic()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        until = monotonic() + _EARLY
        heap = self._heap
        while heap and heap[0][0] <= until:
            playback = heapq.heappop(heap)[2]
            if not (playback.stopped or playback.blocked):
                self._advance(playback, until)
        self._arm()

    def _advance(self, playback: Playback, until: float) -> None:
        """Write what is due, as far as the client takes it."""
        answer, limit = playback.answer, until - playback.began
        count = len(answer.pieces)
        if playback.place == count:
            playback.listener.transport.write(answer.ping)
        while playback.place < count and answer.due[playback.place] <= limit and not playback.blocked:
            self._write_due(playback, limit)
        if playback.place == count:
            self._end(playback)
        elif not playback.blocked:
            self._at(playback.began + answer.due[playback.place], playback)

    def _write_due(self, playback: Playback, limit: float) -> None:
        """One write: of one piece where they are separate, else of what is due and not too large."""
        answer, place = playback.answer, playback.place
        pieces, due = answer.pieces, answer.due
        end, size = place + 1, len(pieces[place])
        while not answer.separate and end < len(pieces) and due[end] <= limit and size < GROUP:
            size += len(pieces[end])
            end += 1
        playback.place = end
        data = pieces[place] if end == place + 1 else b"".join(pieces[place:end])
        playback.listener.transport.write(data)

    def _end(self, playback: Playback) -> None:
        answer = playback.answer
        if answer.ending != Ending.HANG:
            playback.listener.played()
        elif answer.ping and answer.ping_seconds:
            if not answer.due:
                answer.due = [0.0] * len(answer.pieces)
            self._at(monotonic() + answer.ping_seconds, playback)
