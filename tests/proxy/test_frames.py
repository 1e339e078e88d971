"""The frame codec: what goes in comes out, in any segmentation, and noise is refused in bounded memory."""

from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.raw_http import cut

from tokentape.proxy.frames import (
    HEADER,
    MAX_PAYLOAD,
    Anchor,
    BrokenLinkError,
    Frame,
    FrameReader,
    Hello,
    Kind,
    WorkerState,
    encode,
    opened_payload,
    split_head,
    split_opened,
)

seconds = st.floats(allow_nan=False, allow_infinity=False)
frames = st.builds(
    Frame,
    kind=st.sampled_from(Kind).map(int),
    flags=st.integers(0, 255),
    status=st.integers(0, 65535),
    exchange=st.integers(0, 2**64 - 1),
    received=seconds,
    written=seconds,
    payload=st.binary(max_size=200),
)
cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.lists(frames, max_size=6), cuts, st.integers(1, 500))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    sent: list[Frame], places: list[int], size: int
) -> None:
    """Whatever room the reader began with."""
    reader = FrameReader(size)
    raw = b"".join(map(encode, sent))
    assert [frame for piece in cut(raw, places) for frame in reader.feed(piece)] == sent


@given(frames)
def test_a_frame_comes_out_with_its_last_byte_and_not_before(sent: Frame) -> None:
    reader = FrameReader()
    raw = encode(sent)
    for place in range(len(raw) - 1):
        assert list(reader.feed(raw[place : place + 1])) == []
    assert list(reader.feed(raw[-1:])) == [sent]


def test_the_header_is_as_documented() -> None:
    raw = encode(Frame(7, 2, 502, 258, 1.5, 2.5, b"why"))
    assert raw == b"\x03\0\0\0\x07\x02\xf6\x01\x02\x01\0\0\0\0\0\0" + struct.pack("<dd", 1.5, 2.5) + b"why"
    assert HEADER.size == 32


def test_a_length_that_no_data_plane_sends_breaks_the_link_before_it_is_waited_for() -> None:
    whole = HEADER.pack(MAX_PAYLOAD + 1, 6, 0, 0, 1, 0.0, 0.0)
    with pytest.raises(BrokenLinkError, match=str(MAX_PAYLOAD + 1)):
        list(FrameReader().feed(whole))
    assert list(FrameReader().feed(HEADER.pack(MAX_PAYLOAD, 6, 0, 0, 1, 0.0, 0.0))) == []


@given(st.binary(max_size=300), cuts)
def test_noise_is_frames_a_wait_or_a_broken_link(noise: bytes, places: list[int]) -> None:
    def outcome(pieces: list[bytes]) -> list[bytes] | str:
        reader = FrameReader()
        try:
            return [encode(frame) for piece in pieces for frame in reader.feed(piece)]
        except BrokenLinkError:
            return "broken"

    assert outcome(cut(noise, places)) == outcome([noise])


HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n"


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_an_opened_payload_comes_apart_again(labels: bytes, body: bytes) -> None:
    """Whatever stands in the labels and in the body, empty lines included."""
    assert split_opened(opened_payload(labels, HEAD, body)) == (labels, HEAD, body)


@given(st.binary(max_size=100))
def test_a_head_ends_at_its_first_empty_line(body: bytes) -> None:
    assert split_head(HEAD + body) == (HEAD, body)


@given(st.builds(Anchor, wall=seconds, monotonic=seconds))
def test_an_anchor_ties_both_clocks(anchor: Anchor) -> None:
    assert anchor.wall_time(anchor.monotonic) == anchor.wall


def test_what_a_worker_says_of_itself_survives_json() -> None:
    anchor = Anchor(wall=1.0, monotonic=2.0)
    hello = Hello(worker="relay-0-1", engine="relay", pid=1, upstream="https://a.test", anchor=anchor)
    state = WorkerState(
        anchor=anchor,
        inflight=1,
        oldest_inflight=0.5,
        loop_lag=0.0,
        resident_bytes=2,
        cpu_seconds=3.0,
        buffered_bytes=4,
        carried=5,
        unmetered={"buffer_full": 6},
        refused={"host": 7},
    )
    assert msgspec.json.decode(msgspec.json.encode(hello), type=Hello) == hello
    assert msgspec.json.decode(msgspec.json.encode(state), type=WorkerState) == state


def test_a_state_of_an_older_worker_has_refused_nothing() -> None:
    raw = (
        b'{"anchor":{"wall":0,"monotonic":0},"inflight":0,"oldest_inflight":0,"loop_lag":0,"resident_bytes":0,'
        b'"cpu_seconds":0,"buffered_bytes":0,"carried":0,"unmetered":{}}'
    )
    assert msgspec.json.decode(raw, type=WorkerState).refused == {}
