"""The frame link: bounded, never waited for, and exact about what it loses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.relay import Observer, eventually, hello, nothing_left, on_loop

from tokentape.proxy.frame_link import FrameLink
from tokentape.proxy.frames import (
    ACK,
    Anchor,
    Ending,
    Flag,
    FrameReader,
    Hello,
    Kind,
    WorkerState,
    opened_payload,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"


class Exchange:
    """An exchange as a data plane would carry it, frame by frame."""

    def __init__(self, bed: Bed, number: int) -> None:
        self.bed = bed
        self.id = number
        self.metered = True
        self.sent = b""
        bed.live[number] = self

    def send(self, kind: Kind, payload: bytes, flags: int = 0, *, last: bool = False) -> None:
        self.bed.link.send(self, kind, flags, 1.0, 2.0, payload, 0, last)

    def open(self) -> None:
        self.send(Kind.OPENED, opened_payload(b"project=a", HEAD), Flag.END)

    def announce(self, link: FrameLink) -> None:
        link.send(self, Kind.OPENED, Flag.RESUMED, 1.0, 1.0, opened_payload(b"", HEAD), 0, False)

    def body(self, payload: bytes) -> None:
        self.sent += payload
        self.send(Kind.RESPONSE_BODY, payload)

    def close(self) -> None:
        del self.bed.live[self.id]
        self.bed.closed += 1
        self.send(Kind.CLOSED, b"", Ending.COMPLETE, last=True)


class Bed:
    """A link, the exchanges that use it, and an observer that can be started, stopped and killed."""

    def __init__(self, observer: Observer, limit: int) -> None:
        self.live: dict[int, Exchange] = {}
        self.link = FrameLink(observer.path, hello=lambda: hello("relay-test"), live=self.live, limit=limit)
        self.observer = observer
        self.limit = limit
        self.opened = 0
        self.closed = 0

    def open(self) -> Exchange:
        self.opened += 1
        exchange = Exchange(self, self.opened)
        exchange.open()
        return exchange

    @property
    def counted(self) -> int:
        return self.observer.acknowledged + sum(self.link.unmetered.values())

    def carry(self, body: bytes = b"x" * 9) -> Exchange:
        """One whole exchange."""
        exchange = self.open()
        exchange.send(Kind.RESPONSE_HEAD, REPLY)
        exchange.body(body)
        exchange.close()
        return exchange

    async def settle(self) -> None:
        await eventually(lambda: self.counted == self.closed)


@contextlib.asynccontextmanager
async def link_bed(*, started: bool = True, limit: int = 1024 * 1024) -> AsyncGenerator[Bed]:
    """A link on a socket of its own; afterwards nothing of it may be left."""
    async with nothing_left(), _link_bed(started=started, limit=limit) as bed:
        yield bed


@contextlib.asynccontextmanager
async def _link_bed(*, started: bool, limit: int) -> AsyncGenerator[Bed]:
    with tempfile.TemporaryDirectory() as folder:
        bed = Bed(Observer(os.path.join(folder, "observer")), limit)  # noqa: PTH118 - asyncio wants text
        if started:
            await bed.observer.start()
        bed.link.start()
        if started:
            await eventually(lambda: bed.link.connected)
        try:
            yield bed
        finally:
            await bed.link.stop(0)
            await bed.observer.kill()


@on_loop
async def test_an_observer_gets_every_frame_in_order_and_its_acknowledgements_are_counted() -> None:
    async with link_bed() as bed:
        exchanges = [bed.carry(b"body %d" % number) for number in range(100)]
        await bed.settle()
        assert bed.observer.acknowledged == 100
        assert not bed.link.unmetered
        assert [seen.response_body for seen in bed.observer.exchanges] == [one.sent for one in exchanges]
        expected = [Kind.OPENED, Kind.RESPONSE_HEAD, Kind.RESPONSE_BODY, Kind.CLOSED]
        assert all(seen.kinds == expected for seen in bed.observer.exchanges)
        assert bed.observer.exchanges[0].labels == b"project=a"
        [connection] = bed.observer.connections
        assert connection.hello is not None
        assert connection.hello.worker == "relay-test"
        assert bed.link.buffered == 0


@on_loop
async def test_without_an_observer_every_exchange_is_counted_and_nothing_is_kept() -> None:
    async with link_bed(started=False) as bed:
        for _ in range(1000):
            bed.carry()
        assert bed.link.unmetered == {"observer_down": 1000}
        assert (bed.link.buffered, bed.link.connected) == (0, False)


@on_loop
async def test_a_killed_observer_costs_what_it_had_not_acknowledged() -> None:
    async with link_bed() as bed:
        for _ in range(10):
            bed.carry()
        await bed.settle()
        bed.observer.acknowledging = False
        for _ in range(7):
            bed.carry()
        await eventually(lambda: len(bed.observer.exchanges) == 17)
        await bed.observer.kill()
        await eventually(lambda: not bed.link.connected)
        assert bed.link.unmetered == {"observer_lost": 7}
        bed.carry()
        assert bed.link.unmetered == {"observer_lost": 7, "observer_down": 1}
        assert bed.counted == bed.closed == 18


@on_loop
async def test_a_new_observer_is_told_what_is_under_way() -> None:
    async with link_bed() as bed:
        before, given_up = bed.open(), bed.open()
        given_up.metered = False
        await bed.observer.kill()
        await eventually(lambda: not bed.link.connected)
        meanwhile = bed.open()
        await bed.observer.start()
        await eventually(lambda: bed.link.connected)
        for exchange in (before, meanwhile, given_up):
            exchange.body(b"the rest")
        after = bed.carry()
        for exchange in (before, meanwhile, given_up):
            exchange.close()
        await eventually(lambda: bed.observer.acknowledged == 3)
        seen = bed.observer.connections[-1].exchanges
        assert set(seen) == {before.id, meanwhile.id, after.id}
        assert (seen[before.id].flags, seen[before.id].response_body) == (Flag.RESUMED, b"the rest")
        assert seen[meanwhile.id].flags == Flag.RESUMED
        assert seen[after.id].flags == Flag.END


@on_loop
async def test_what_was_gathered_before_an_observer_came_does_not_go_to_it() -> None:
    """It would be frames of exchanges that this observer was never told about."""
    async with link_bed(started=False) as bed:
        exchange = bed.open()
        connected: list[bool] = []

        def settle() -> None:
            connected.append(bed.link.connected)
            if exchange.id in bed.live:
                exchange.close()

        bed.link.settle = settle
        await bed.observer.start()
        await eventually(lambda: bed.observer.connections and bed.observer.connections[0].hello)
        assert connected == [False]
        assert bed.link.unmetered == {"observer_down": 1}
        assert bed.observer.exchanges == []


@on_loop
async def test_a_stopped_observer_fills_the_buffer_and_no_more() -> None:
    async with link_bed(limit=200_000) as bed:
        bed.observer.stop()
        for _ in range(2000):
            bed.carry(b"x" * 10_000)
            assert bed.link.buffered <= bed.limit + 2000 * 32
            if not bed.opened % 50:
                await asyncio.sleep(0.001)
        assert bed.link.unmetered["buffer_full"] > 0
        bed.observer.resume()
        await bed.settle()
        assert bed.link.buffered == 0
        assert bed.observer.acknowledged > 0
        assert bed.observer.acknowledged + bed.link.unmetered["buffer_full"] == 2000
        # The unit of loss is the call: each was seen whole, or given up by name.
        for seen in bed.observer.exchanges:
            assert (seen.ending is Ending.COMPLETE, seen.dropped) in {(True, False), (False, True)}
            if seen.ending is Ending.COMPLETE:
                assert seen.response_body == b"x" * 10_000


@on_loop
async def test_a_call_that_was_given_up_stays_given_up_and_is_counted_once() -> None:
    async with link_bed(limit=50_000) as bed:
        bed.observer.stop()
        exchange = bed.open()
        await eventually(lambda: bed.link.buffered == 0)  # it is in the socket
        hog = bed.open()
        while not bed.link.unmetered:
            hog.body(b"x" * 10_000)
            bed.link._flush()
        assert not hog.metered
        exchange.body(b"x" * 60_000)
        assert bed.link.unmetered == {"buffer_full": 2}
        bed.observer.resume()
        await eventually(lambda: bed.link.buffered == 0)
        exchange.body(b"small")
        exchange.close()
        hog.close()
        bed.carry()
        await bed.settle()
        seen = bed.observer.connections[0].exchanges
        assert seen[exchange.id].kinds == [Kind.OPENED, Kind.DROPPED]
        assert seen[hog.id].kinds[-1] == Kind.DROPPED
        assert bed.link.unmetered == {"buffer_full": 2}


@on_loop
async def test_calls_that_never_began_to_be_told_leave_nothing_behind() -> None:
    """Hours of a stopped observer must not fill memory with the numbers of what it missed."""
    async with link_bed(limit=10_000) as bed:
        bed.observer.stop()
        hog = bed.open()
        while hog.metered:
            hog.body(b"x" * 3000)
            bed.link._flush()
        for _ in range(100):
            bed.carry()  # what still finds room
        full = bed.link.buffered, len(bed.link._waiting)
        for _ in range(900):
            bed.carry()
        assert (bed.link.buffered, len(bed.link._waiting)) == full
        assert bed.link.unmetered["buffer_full"] > 900
        hog.close()
        bed.observer.resume()
        await bed.settle()


@on_loop
async def test_a_full_socket_is_not_tried_again_with_every_frame() -> None:
    async with link_bed() as bed:
        bed.observer.stop()
        exchange = bed.open()
        while not bed.link._blocked:
            exchange.body(b"x" * 100_000)
        tries = 0
        batch = bed.link._send_batch

        def counting(link: socket.socket) -> int:
            nonlocal tries
            tries += 1
            return batch(link)

        bed.link._send_batch = counting  # type: ignore[method-assign]  # to count
        bed.link._unsent = memoryview(b"")  # as where the socket took exactly what there was
        for _ in range(100):
            exchange.body(b"x" * 1000)
        assert tries == 0
        bed.link._disconnect()
        exchange.close()


@on_loop
async def test_what_was_acknowledged_before_the_end_is_not_counted_as_lost() -> None:
    """The end may be noticed by a write, before the acknowledgements are read."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "observer")  # noqa: PTH118 - socket wants text
        listener.bind(path)
        listener.listen()
        live: dict[int, Exchange] = {}
        bed = Bed(Observer(path), 1024 * 1024)
        bed.live = live
        bed.link.start()
        await eventually(lambda: bed.link.connected)
        observer, _ = listener.accept()
        for _ in range(600):
            bed.carry()
        bed.link._flush()
        reader, closed = FrameReader(), 0
        while closed < 600:
            closed += sum(frame.kind == Kind.CLOSED for frame in reader.feed(observer.recv(1 << 20)))
        observer.send(b"".join(ACK.pack(number) for number in range(1, 600)))
        observer.close()
        bed.carry()
        bed.link._flush()  # before the loop could look at the socket
        assert bed.link.unmetered == {"observer_lost": 2}
        await bed.link.stop(0)


@on_loop
async def test_a_queue_that_is_full_is_tried_again_patiently() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as open_sockets:
        path = os.path.join(folder, "observer")  # noqa: PTH118 - socket wants text
        listener = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(0)
        for _ in range(3):
            filler = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(path)
        bed = Bed(Observer(path), 1024)
        tries = 0
        connect = bed.link._connect

        def counting() -> bool:
            nonlocal tries
            tries += 1
            return connect()

        bed.link._connect = counting  # type: ignore[method-assign]  # to count
        bed.link.start()
        for _ in range(100):
            await asyncio.sleep(0)
        assert tries == 1
        assert not bed.link.connected
        await bed.link.stop(0)


@on_loop
async def test_stopping_waits_for_the_observer_and_not_for_nothing() -> None:
    async with link_bed() as bed:
        bed.carry()
        bed.link.send_state(state())
        await bed.link.stop(60)
        assert (bed.observer.acknowledged, dict(bed.link.unmetered)) == (1, {})
        assert len(bed.observer.connections[0].states) == 1


@on_loop
async def test_stopping_with_nothing_owed_takes_no_time() -> None:
    async with link_bed() as bed:
        bed.link.send_state(state())
        await bed.link.stop(60)
        await eventually(lambda: bed.observer.connections[0].states)


@on_loop
async def test_stopping_under_a_stopped_observer_counts_what_it_did_not_take() -> None:
    async with link_bed() as bed:
        bed.observer.stop()
        for _ in range(5):
            bed.carry()
        await bed.link.stop(0.05)
        assert bed.link.unmetered == {"observer_lost": 5}


def state(carried: int = 0) -> WorkerState:
    return WorkerState(
        anchor=Anchor(wall=0.0, monotonic=0.0),
        inflight=0,
        oldest_inflight=0.0,
        loop_lag=0.0,
        resident_bytes=0,
        cpu_seconds=0.0,
        buffered_bytes=0,
        carried=carried,
        unmetered={},
    )


@on_loop
async def test_a_change_of_the_counts_is_announced_by_the_next_state() -> None:
    async with link_bed(started=False) as bed:
        assert not bed.link.changed
        bed.carry()
        assert bed.link.changed
        bed.link.send_state(state())
        assert not bed.link.changed
        await bed.observer.start()
        await eventually(lambda: bed.link.connected)
        assert bed.link.changed  # a new observer knows nothing yet


@on_loop
async def test_a_state_finds_no_room_in_a_full_buffer() -> None:
    async with link_bed(limit=1000) as bed:
        await eventually(lambda: not bed.link.buffered)
        bed.link._size += 1001
        bed.link.send_state(state())
        assert not bed.link._waiting
        bed.link._size -= 1001
        bed.link.send_state(state())
        await eventually(lambda: len(bed.observer.connections[0].states) == 1)


# Any story.

steps = st.one_of(
    st.just(("open", 0)),
    st.tuples(st.just("body"), st.integers(0, 60_000)),
    st.tuples(st.just("close"), st.integers(0, 5)),
    st.sampled_from([("kill", 0), ("start", 0), ("stop", 0), ("resume", 0), ("turn", 0), ("wait", 0)]),
)


async def play(bed: Bed, step: str, size: int) -> None:
    live = list(bed.live.values())
    chosen = live[size % len(live)] if live else None
    if step == "open":
        bed.open()
    elif step == "body" and chosen:
        chosen.body(b"x" * size)
    elif step == "close" and chosen:
        chosen.close()
    elif step == "turn":
        await asyncio.sleep(0)
    elif step == "wait":
        await asyncio.sleep(0.002)
    else:
        await trouble(bed.observer, step)
    assert bed.counted <= bed.closed + len(bed.live)


async def trouble(observer: Observer, step: str) -> None:
    """What happens to observers."""
    if step == "kill":
        await observer.kill()
    elif step == "start" and not observer.running:
        observer.stopped = False
        await observer.start()
    elif step == "stop":
        observer.stop()
    elif step == "resume":
        observer.resume()


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=40))
def test_whatever_happens_acknowledged_and_unmetered_add_up(story: list[tuple[str, int]]) -> None:
    @on_loop
    async def run() -> None:
        async with link_bed(limit=100_000) as bed:
            for step, size in story:
                await play(bed, step, size)
            for exchange in list(bed.live.values()):
                exchange.close()
            bed.observer.resume()
            await bed.settle()
            for seen in bed.observer.exchanges:
                assert seen.kinds[0] == Kind.OPENED

    run()


def test_a_burst_is_not_called_behind_and_a_lasting_backlog_is() -> None:
    now = 100.0
    link = FrameLink("unused", hello=_no_hello, live={}, limit=32 * 1024 * 1024)
    link._loop = cast("Any", SimpleNamespace(time=lambda: now))
    link._kept_up_at = now
    link._size = 5 * 1024 * 1024
    assert not link.behind()
    now += 0.3
    assert link.behind()
    # It caught up, and fell behind again at once: no need to wait a second time.
    link._kept_up_at = now
    assert link.behind()
    now += 5.0
    link._kept_up_at = now
    assert not link.behind()
    # So full that calls would be given up next.
    link._size = 25 * 1024 * 1024
    assert link.behind()
    link._size = 0
    assert not link.behind()


def _no_hello() -> Hello:
    raise AssertionError
