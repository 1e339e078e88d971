"""The observer's side: every exchange is handed over whole, excluded, or lost with a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.recording.exchanges import (
    ANCHOR,
    EVENTS,
    HELLO,
    STREAM_HEAD,
    closed,
    frame,
    numbered,
    opened,
    replied,
    request_head,
    streamed,
)

from tokentape.proxy.frames import Ending, Flag, Frame, Kind, WorkerState, skimmed_payload
from tokentape.recorder.recording.sink import HELD, SPILL, RecordingSink, Taking
from tokentape.recorder.recording.takes import Loss, Take, read_takes, spooled_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.observer.sinks import ExchangeSink, WorkerSink

REPLY_WITH_ID = STREAM_HEAD[:-2] + b"Request-Id: req_7\r\n\r\n"


class KeptCourier:
    """Keeps what it is handed, as a disk would."""

    def __init__(self, *, room: bool = True, backlog: int = 0) -> None:
        self.room = room
        self.backlog = backlog
        self.takes: list[Take] = []
        self.losses: list[Loss] = []
        self.counts: list[tuple[str, str]] = []
        self.seen = (0, 0)
        self.spilled: dict[int, bytes] = {}

    def spill(self, taking: Taking, frames: bytes) -> None:
        self.spilled[taking.number] = self.spilled.get(taking.number, b"") + frames

    def close(self, taking: Taking, frames: bytes) -> None:
        whole = self.spilled.pop(taking.number, b"") + frames
        self.takes += read_takes(spooled_head(taking.origin, len(whole)) + whole)

    def forget(self, taking: Taking) -> None:
        self.spilled.pop(taking.number, None)

    def lose(self, loss: Loss) -> None:
        self.losses.append(loss)

    def count(self, result: str, reason: str) -> None:
        self.counts.append((result, reason))

    def saw(self, worker: str, *, seen: int, carried: int) -> None:
        assert worker == HELLO.worker
        self.seen = (seen, carried)

    @property
    def reasons(self) -> list[str]:
        return [loss.reason for loss in self.losses]


def sink_of(frames: Sequence[Frame], courier: KeptCourier | None = None) -> tuple[RecordingSink, KeptCourier]:
    courier = courier or KeptCourier()
    sink = RecordingSink(courier)
    for one in frames:
        sink.frame(HELLO, one)
    return sink, courier


def state(carried: int) -> WorkerState:
    return WorkerState(
        anchor=ANCHOR,
        inflight=0,
        oldest_inflight=0.0,
        loop_lag=0.0,
        resident_bytes=0,
        cpu_seconds=0.0,
        buffered_bytes=0,
        carried=carried,
        unmetered={},
    )


def test_it_is_a_sink_of_exchanges_and_of_workers() -> None:
    sink = RecordingSink(KeptCourier())
    exchanges: ExchangeSink = sink
    workers: WorkerSink = sink
    assert exchanges.name == workers.name == "recording"


def test_a_whole_exchange_is_handed_over_once_with_every_frame() -> None:
    frames = streamed((101.0, EVENTS[0]), (102.0, EVENTS[1]))
    sink, courier = sink_of(frames)
    (taken,) = courier.takes
    assert (taken.frames, taken.origin.anchor, courier.seen) == (frames, ANCHOR, (1, 0))
    assert (sink.held, courier.losses, courier.counts) == (0, [], [])


def test_exchanges_that_are_interleaved_do_not_mix() -> None:
    one = numbered([opened(), *streamed((101.0, EVENTS[0]))[1:]], 1)
    two = numbered([opened(), *streamed((101.0, EVENTS[1]))[1:]], 2)
    mixed = [frame for pair in zip(one, two, strict=True) for frame in pair]
    _, courier = sink_of(mixed)
    assert [taken.frames for taken in courier.takes] == [one, two]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/oauth/token"),
        ("GET", "/v1/organizations/me"),
        ("POST", "/v1/tunnels/1/reveal_token"),
        ("GET", "/favicon.ico"),
    ],
)
def test_what_is_no_endpoint_for_cassettes_is_counted_and_not_kept(method: str, target: str) -> None:
    frames = [opened(head=request_head(method, target)), replied()]
    sink, courier = sink_of(frames)
    assert (courier.takes, courier.counts) == ([], [("refused", "endpoint")])
    assert (courier.losses, courier.seen, sink.held) == ([], (1, 0), 0)


def test_a_dropped_exchange_is_a_loss_with_its_name() -> None:
    frames = [*streamed((101.0, EVENTS[0]), head=REPLY_WITH_ID, last=False), frame(Kind.DROPPED)]
    _, courier = sink_of(frames)
    assert courier.takes == []
    assert courier.losses == [
        Loss(reason="observer_behind", endpoint="POST /v1/messages", at=1_000_000.0, request_id="req_7")
    ]


def test_an_exchange_announced_again_to_a_new_observer_is_a_loss_at_its_end() -> None:
    sink, courier = sink_of([opened(flags=Flag.END | Flag.RESUMED)])
    assert (courier.losses, courier.seen) == ([], (0, 0))
    sink.frame(HELLO, replied())
    assert (courier.reasons, courier.takes, courier.seen) == (["observer_restarted"], [], (1, 0))


def test_an_exchange_with_a_skimmed_body_is_a_loss() -> None:
    skimmed = frame(Kind.REQUEST_BODY, skimmed_payload(900_000, b"}"), flags=Flag.END | Flag.SKIMMED)
    _, courier = sink_of([opened(b"{", flags=0), skimmed, replied()])
    assert (courier.reasons, courier.takes) == (["skimmed"], [])


def test_what_was_under_way_on_a_lost_link_is_lost_once() -> None:
    sink, courier = sink_of([opened(), *numbered([opened()], 2)])
    sink.worker_gone(HELLO)
    again = [one._replace(flags=Flag.END | Flag.RESUMED) for one in (opened(), *numbered([opened()], 2))]
    for one in (*again, replied(), *numbered([replied()], 2)):
        sink.frame(HELLO, one)
    assert (courier.reasons, courier.seen) == (["worker_lost"] * 2, (2, 0))


def test_frames_of_an_exchange_that_never_opened_are_left_alone() -> None:
    _, courier = sink_of([replied(), closed(Ending.CLIENT_ABORT), frame(Kind.DROPPED)])
    assert (courier.takes, courier.losses, courier.seen) == ([], [], (0, 0))


def test_a_workers_own_count_is_passed_on_beside_ours() -> None:
    sink, courier = sink_of([opened(), replied()])
    sink.worker_state(HELLO, state(3))
    assert courier.seen == (1, 3)


def test_a_large_take_goes_to_disk_in_parts_and_comes_back_whole() -> None:
    pieces = [(101.0 + step, bytes([step]) * 100_000) for step in range(30)]
    frames = streamed(*pieces)
    sink, courier = sink_of(frames[:-1])
    assert len(courier.spilled[1]) > 2_000_000
    assert sink.held < SPILL + 100_000
    sink.frame(HELLO, frames[-1])
    assert [taken.frames for taken in courier.takes] == [frames]


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=40), st.integers(1, 6))
def test_memory_stays_bounded_whatever_comes(sizes: list[int], streams: int) -> None:
    sink = RecordingSink(KeptCourier())
    for number in range(streams):
        for one in numbered(streamed((101.0, b"x"), last=False), number):
            sink.frame(HELLO, one)
    for size in sizes:
        for number in range(streams):
            sink.frame(HELLO, frame(Kind.RESPONSE_BODY, bytes(size))._replace(exchange=number))
            assert sink.held <= streams * (SPILL + 200_300)


@pytest.mark.parametrize(
    ("courier", "reason"),
    [(KeptCourier(room=False), "disk_limit"), (KeptCourier(backlog=HELD), "spool_full")],
)
def test_where_there_is_no_room_takes_are_lost_and_named(courier: KeptCourier, reason: str) -> None:
    sink, _ = sink_of([opened(), replied(), *streamed((101.0, bytes(2 * SPILL)), last=False)], courier)
    assert courier.reasons == [reason]
    sink.frame(HELLO, closed(Ending.UPSTREAM_ABORT))
    assert (courier.reasons, courier.takes, sink.held) == ([reason] * 2, [], 0)


def test_a_worker_whose_clock_was_set_gives_its_later_takes_the_new_time() -> None:
    sink, courier = sink_of([opened()])
    moved = msgspec.structs.replace(ANCHOR, wall=2_000_000.0)
    sink.worker_state(HELLO, msgspec.structs.replace(state(1), anchor=moved))
    for one in (replied(), *numbered([opened(), replied()], 2)):
        sink.frame(HELLO, one)
    assert [taken.origin.anchor for taken in courier.takes] == [ANCHOR, moved]


@given(st.data())
def test_no_frame_less_is_ever_handed_over(data: st.DataObject) -> None:
    """Whatever frame of an exchange is a loss of some kind, what is handed over is whole."""
    frames = streamed((101.0, EVENTS[0]), (102.0, EVENTS[1]), (103.0, EVENTS[2]))
    place = data.draw(st.integers(1, len(frames) - 1))
    lost = data.draw(st.sampled_from(["dropped", "gone", "resumed"]))
    sink, courier = sink_of(frames[:place])
    if lost == "dropped":
        sink.frame(HELLO, frame(Kind.DROPPED))
    elif lost == "gone":
        sink.worker_gone(HELLO)
    else:
        sink.frame(HELLO, opened(flags=Flag.END | Flag.RESUMED))
        for one in frames[place:]:
            sink.frame(HELLO, one)
    assert (courier.takes, len(courier.losses), courier.seen) == ([], 1, (1, 0))
