"""Takes on their way through a spool."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.recording.exchanges import EVENTS, ORIGIN, opened, replied, streamed

from tokentape.proxy.frames import Frame
from tokentape.recorder.recording.takes import (
    Take,
    read_takes,
    spooled_frames,
    spooled_head,
    spooled_origin,
)

_frames = st.lists(
    st.builds(
        Frame,
        kind=st.integers(3, 8),
        flags=st.integers(0, 255),
        status=st.integers(0, 599),
        exchange=st.integers(0, 2**63),
        received=st.floats(0, 1e9),
        written=st.floats(0, 1e9),
        payload=st.binary(max_size=40),
    )
)


def spooled(take: Take) -> bytes:
    frames = spooled_frames(take.frames)
    return spooled_head(spooled_origin(take.origin), len(frames)) + frames


@given(st.lists(_frames, max_size=4))
def test_what_goes_into_a_spool_comes_out_of_it(many: list[list[Frame]]) -> None:
    takes = [Take(ORIGIN, frames) for frames in many]
    assert list(read_takes(b"".join(map(spooled, takes)))) == takes


def test_a_take_may_be_written_in_parts_with_its_head_last() -> None:
    frames = streamed((101.0, EVENTS[0]), (102.0, EVENTS[1]))
    parts = spooled_frames(frames[:2]) + spooled_frames(frames[2:])
    head = spooled_head(spooled_origin(ORIGIN), len(parts))
    two = Take(ORIGIN, [opened(), replied()])
    assert list(read_takes(head + parts + spooled(two))) == [Take(ORIGIN, frames), two]
