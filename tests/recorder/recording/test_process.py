"""Courier and recorder together: real spools, a real socket, a real disk."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.recorder.recording.exchanges import (
    EVENTS,
    HELLO,
    closed,
    numbered,
    opened,
    replied,
    request_head,
    streamed,
)
from tests.recorder.recording.running import Place, place

from tokentape.proxy.frames import Ending, Frame
from tokentape.recorder.cassette.store import load
from tokentape.recorder.recording.courier import SpoolCourier
from tokentape.recorder.recording.outcome import read_outcome
from tokentape.recorder.recording.sink import RecordingSink
from tokentape.recorder.scrubbing.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

PATIENCE = 30.0
KEY = b"sk-ant-api03-" + b"Zz9" * 30


@pytest.fixture
def tape(tmp_path: Path) -> Generator[Place]:
    with place(tmp_path) as made:
        yield made


@contextmanager
def observing(tape: Place, *, limit: int = 1 << 30) -> Generator[tuple[RecordingSink, SpoolCourier]]:
    courier = SpoolCourier(tape.socket, tape.tape, salt=b"salt", limit=limit)
    courier.start()
    try:
        yield RecordingSink(courier), courier
    finally:
        courier.stop(PATIENCE)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def feed(sink: RecordingSink, frames: Iterable[Frame]) -> None:
    for one in frames:
        sink.frame(HELLO, one)


def calls(*numbers: int, session: str = "s") -> list[Frame]:
    """Calls, each with a session and a number of its own."""
    frames: list[Frame] = []
    for number in numbers:
        call = [opened(labels=f"session={session}".encode(), at=100.0 + number), replied(b"[%d]" % number)]
        frames += numbered(call, number)
    return frames


def recorded(tape: Place, name: str = "s.yaml") -> list[int]:
    return [json.loads(one.response.body)[0] for one in load(tape.tape / name).interactions]


def test_exchanges_become_a_cassette_for_each_session(tape: Place) -> None:
    with tape.recorder() as recorder, observing(tape) as (sink, courier):
        feed(sink, calls(1, 2))
        feed(sink, calls(3, session="other"))
        until(lambda: courier.counts["recorded", ""] == 3)
    assert (recorded(tape), recorded(tape, "other.yaml")) == ([1, 2], [3])
    assert sorted(path.name for path in tape.tape.iterdir()) == ["other.yaml", "s.yaml"]
    assert (recorder.outcome.recorded, recorder.outcome.lost) == (3, 0)
    assert read_outcome(tape.folder / "outcome.json") == recorder.outcome


def test_before_it_is_a_cassette_it_is_in_the_journal_and_no_secret_with_it(tape: Place) -> None:
    head = request_head("POST", "/v1/messages", f"x-api-key: {KEY.decode()}")
    with tape.recorder(), observing(tape) as (sink, courier):
        feed(sink, [opened(b'{"messages":"%s"}' % KEY, head=head), replied(b'{"echo":"%s"}' % KEY)])
        until(lambda: courier.counts["recorded", ""])
        (journal,) = tape.tape.iterdir()
        assert journal.name == "project-checkout.yaml.journal"
        written = journal.read_bytes()
        assert b"/v1/messages" in written
        assert KEY not in written
    assert KEY not in (tape.tape / "project-checkout.yaml").read_bytes()


def test_what_a_user_wants_redacted_is_redacted(tape: Place) -> None:
    tape.policy(Policy(patterns=("hush-[a-z]+",)))
    with tape.recorder(), observing(tape) as (sink, _):
        feed(sink, [opened(b'{"messages":"hush-puppy"}'), replied()])
    assert b"hush" not in (tape.tape / "project-checkout.yaml").read_bytes()


def test_a_large_stream_goes_by_way_of_the_disk(tape: Place) -> None:
    text = b'data: {"type":"ping","pad":"%s"}\n\n' % (b"x" * 90_000)
    frames = streamed(*((101.0 + step, text) for step in range(40)))
    with tape.recorder() as recorder, observing(tape) as (sink, _):
        feed(sink, frames)
    (interaction,) = load(tape.tape / "project-checkout.yaml").interactions
    assert interaction.response.body == text * 40
    assert recorder.outcome.lost == 0


def test_what_there_is_nothing_of_is_counted(tape: Place) -> None:
    with tape.recorder() as recorder, observing(tape) as (sink, courier):
        feed(sink, [opened(), closed(Ending.PROXY_ERROR, status=502)])
        feed(sink, [opened(head=request_head("POST", "/v1/oauth/token")), replied()])
        feed(sink, [opened(), closed(Ending.CLIENT_ABORT)])
        wanted = {("refused", "proxy_error"): 1, ("refused", "endpoint"): 1, ("refused", "no_reply"): 1}
        until(lambda: dict(courier.counts.items()).items() >= wanted.items())
    assert (recorder.outcome.recorded, recorder.outcome.lost) == (0, 0)
    assert list(tape.tape.iterdir()) == []


def test_what_is_lost_on_either_side_is_counted_and_named(tape: Place) -> None:
    broken = [
        opened(b"no gzip", head=request_head("POST", "/v1/messages", "content-encoding: gzip")),
        replied(),
    ]
    with tape.recorder() as recorder, observing(tape) as (sink, courier):
        feed(sink, [*calls(1), *numbered(broken, 2), *numbered([opened()], 3)])
        sink.worker_gone(HELLO)
        until(
            lambda: (
                courier.counts["incomplete", "worker_lost"] + courier.counts["incomplete", "encoding"] == 2
            )
        )
    assert sorted(loss.reason for loss in recorder.outcome.losses) == ["encoding", "worker_lost"]
    assert {loss.endpoint for loss in recorder.outcome.losses} == {"POST /v1/messages"}
    assert recorded(tape) == [1]


def test_a_recorder_that_dies_is_followed_by_one_that_has_everything_once(tape: Place) -> None:
    with observing(tape) as (sink, courier):
        feed(sink, calls(1, 2))
        dying = tape.accept()
        until(lambda: len(courier._unsettled) == 1)
        dying.close()
        feed(sink, calls(3))
        with tape.recorder() as recorder:
            until(lambda: courier.counts["recorded", ""] == 3)
            courier.stop(PATIENCE)
    assert recorded(tape) == [1, 2, 3]
    assert (recorder.outcome.recorded, recorder.outcome.lost) == (3, 0)


def test_one_that_died_behind_the_journal_does_not_record_twice(tape: Place) -> None:
    """Its settling was never heard: the batch comes again."""
    with tape.recorder(), observing(tape) as (sink, courier):
        feed(sink, calls(1))
        until(lambda: courier.counts["recorded", ""] == 1)
        journal = (tape.tape / "s.yaml.journal").read_bytes()
    (tape.tape / "s.yaml").unlink()
    (tape.tape / "s.yaml.journal").write_bytes(journal)
    (tape.folder / "outcome.json").unlink()
    with tape.recorder(), observing(tape) as (sink, _):
        feed(sink, calls(1, 2))
    assert recorded(tape) == [1, 2]


def test_takes_that_recorders_die_of_are_given_up(tape: Place) -> None:
    with observing(tape) as (sink, courier):
        feed(sink, calls(1))
        for _ in range(2):
            dying = tape.accept()
            until(lambda: len(courier._unsettled) == 1)
            dying.close()
        feed(sink, calls(2))
        with tape.recorder() as recorder:
            until(lambda: courier.counts["recorded", ""] == 1)
            courier.stop(PATIENCE)
    assert recorded(tape) == [2]
    assert [loss.reason for loss in recorder.outcome.losses] == ["recorder_failed"]
    assert courier.counts["incomplete", "recorder_failed"] == 1


def test_without_a_recorder_it_waits_in_files_without_names(tape: Place) -> None:
    with observing(tape) as (sink, courier):
        feed(sink, calls(1))
        until(lambda: courier.waiting and not courier.backlog)
        assert list(tape.tape.iterdir()) == []
        with tape.recorder():
            until(lambda: not courier.waiting)
            courier.stop(PATIENCE)
    assert recorded(tape) == [1]


def test_nothing_is_recorded_beyond_the_limit(tape: Place) -> None:
    with tape.recorder(limit=12_000) as recorder, observing(tape, limit=12_000) as (sink, courier):
        for number in range(1, 41):
            feed(sink, calls(number))
            until(lambda number=number: sum(courier.counts.values()) == number)  # type: ignore[misc]
    took = sum(path.stat().st_size for path in tape.tape.iterdir())
    assert 0 < recorder.outcome.recorded < 40
    assert recorder.outcome.recorded + recorder.outcome.lost == 40
    assert {loss.reason for loss in recorder.outcome.losses} == {"disk_limit"}
    assert took <= 12_000 * 1.5


def test_a_disk_that_takes_nothing_loses_recordings_and_nothing_else(tape: Place) -> None:
    (tape.tape).rmdir()
    with observing(tape) as (sink, courier):
        feed(sink, calls(1))
        feed(sink, streamed(*((101.0, bytes(90_000)) for _ in range(9)), (102.0, EVENTS[2])))
        until(lambda: courier.counts["incomplete", "disk_error"] == 2)
        assert courier.waiting == 0
        (tape.tape).mkdir()
        with tape.recorder() as recorder:
            feed(sink, calls(7))
            until(lambda: courier.counts["recorded", ""] == 1)
            courier.stop(PATIENCE)
    assert recorded(tape) == [7]
    assert [loss.reason for loss in recorder.outcome.losses] == ["disk_error"] * 2


def test_descriptors_are_given_back(tape: Place) -> None:
    with tape.recorder(), observing(tape) as (sink, courier):
        feed(sink, calls(1))
        until(lambda: courier.counts["recorded", ""] == 1)
        before = psutil.Process().num_fds()
        for number in range(2, 8):
            feed(sink, calls(number))
            until(lambda number=number: courier.counts["recorded", ""] == number)  # type: ignore[misc]
        assert psutil.Process().num_fds() == before
