"""Playing: in order, at the times asked for, never early, and with no delay adding up."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from tests.support.relay import on_loop

from tokentape.recorder.wire.answer import Answer, Ending
from tokentape.recorder.wire.player import Playback, Player

if TYPE_CHECKING:
    from collections.abc import Sequence


class Transport:
    """Keeps what is written, and when."""

    def __init__(self, log: list[bytes]) -> None:
        self.log = log
        self.times: list[float] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.log.append(data)
        self.times.append(monotonic())

    def is_closing(self) -> bool:
        return self.closing


class Listener:
    """A connection that only remembers."""

    def __init__(self, log: list[bytes]) -> None:
        self.spy = Transport(log)
        self.done = asyncio.Event()

    @property
    def transport(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.spy)

    def played(self) -> None:
        self.done.set()


def answer(pieces: Sequence[bytes], due: Sequence[float] = (), *, separate: bool = False) -> Answer:
    """An answer of these pieces."""
    return Answer(pieces=list(pieces), due=list(due), separate=separate)


@on_loop
async def test_what_is_ready_in_one_turn_is_written_at_its_end() -> None:
    log: list[bytes] = []
    player = Player(asyncio.get_running_loop())
    for name in (b"a", b"b"):
        player.play(Playback(Listener(log), answer([name, name.upper()])))

    assert log == []
    await asyncio.sleep(0)
    assert log == [b"aA", b"bB"]


@on_loop
async def test_nothing_is_written_to_a_connection_that_is_closing() -> None:
    log: list[bytes] = []
    player = Player(asyncio.get_running_loop())
    gone, here = Listener(log), Listener(log)
    player.play(Playback(gone, answer([b"gone"])))
    player.play(Playback(here, answer([b"here"])))
    gone.spy.closing = True
    await asyncio.sleep(0)

    assert log == [b"here"]


@on_loop
async def test_separate_streams_take_turns() -> None:
    log: list[bytes] = []
    player = Player(asyncio.get_running_loop())
    both = [Listener(log), Listener(log)]
    for listener, name in zip(both, "ab", strict=True):
        pieces = [f"{name}{number}".encode() for number in range(3)]
        player.play(Playback(listener, answer(pieces, separate=True)))
    for listener in both:
        await listener.done.wait()

    assert log == [b"a0", b"b0", b"a1", b"b1", b"a2", b"b2"]


@on_loop
async def test_a_blocked_stream_waits_and_the_others_go_on() -> None:
    log: list[bytes] = []
    player = Player(asyncio.get_running_loop())
    slow, fast = Listener(log), Listener(log)
    held = Playback(slow, answer([b"s0", b"s1"], separate=True))
    held.blocked = True
    player.play(held)
    player.play(Playback(fast, answer([b"f0", b"f1"], separate=True)))
    await fast.done.wait()
    assert log == [b"f0", b"f1"]

    player.resume(held)
    player.resume(held)
    await slow.done.wait()
    assert log == [b"f0", b"f1", b"s0", b"s1"]


@on_loop
async def test_pieces_are_written_when_they_are_due_and_joined_when_due_together() -> None:
    log: list[bytes] = []
    player = Player(asyncio.get_running_loop())
    listener = Listener(log)
    playback = Playback(listener, answer([b"head", b"a", b"b", b"c"], [0.0, 0.02, 0.02, 0.04]))
    player.play(playback)
    await listener.done.wait()

    assert log == [b"head", b"ab", b"c"]
    waited = [moment - playback.began for moment in listener.spy.times]
    assert all(late > -0.0005 for late in (waited[0], waited[1] - 0.02, waited[2] - 0.04))


@on_loop
async def test_times_of_many_streams_keep_their_order() -> None:
    log: list[bytes] = []
    player = Player(asyncio.get_running_loop())
    listeners = [Listener(log) for _ in range(5)]
    for number, listener in enumerate(listeners):
        due = 0.05 - number / 100
        player.play(Playback(listener, answer([b"%d" % number], [due])))
    for listener in listeners:
        await listener.done.wait()

    assert log == [b"4", b"3", b"2", b"1", b"0"]


@on_loop
async def test_a_stopped_stream_writes_nothing_more() -> None:
    log: list[bytes] = []
    player = Player(asyncio.get_running_loop())
    stopped, other = Playback(Listener(log), answer([b"no"], [0.01])), Listener(log)
    player.play(stopped)
    player.play(Playback(other, answer([b"yes"], [0.02])))
    stopped.stopped = True
    await other.done.wait()

    assert log == [b"yes"]


@on_loop
async def test_a_stream_that_hangs_pings_and_never_ends() -> None:
    log: list[bytes] = []
    player = Player(asyncio.get_running_loop())
    hanging, other = Listener(log), Listener(log)
    hung = answer([b"head"])
    hung.ending, hung.ping, hung.ping_seconds = Ending.HANG, b"ping", 0.002
    playback = Playback(hanging, hung)
    player.play(playback)
    player.play(Playback(other, answer([b"end"], [0.05])))
    await other.done.wait()
    playback.stopped = True

    assert log[0] == b"head"
    assert log.count(b"ping") > 2
    assert not hanging.done.is_set()
