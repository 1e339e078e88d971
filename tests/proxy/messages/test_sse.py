"""Server-sent events, cut in any way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.sse import EventSplitter, parse_event

BLOCKS = [b"event: a\ndata: 1", b"data: 2", b": only a comment", b"event: c\ndata: 3\ndata: 4"]
STREAM = b"\n\n".join(BLOCKS) + b"\n\n"


def split(data: bytes, *sizes: int, limit: int = 1 << 20) -> list[bytes]:
    """Events of `data` in pieces of these sizes and a rest; empty ones left out."""
    splitter = EventSplitter(limit)
    found: list[bytes] = []
    for size in (*sizes, len(data)):
        piece, data = data[:size], data[size:]
        found += splitter.feed(piece)
    return [event for event in found if event.strip(b"\n")]


def test_events_end_at_an_empty_line() -> None:
    assert split(STREAM) == BLOCKS


def test_an_event_without_its_empty_line_waits_and_can_be_flushed() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: 1\n\ndata: 2\n") == [b"data: 1"]
    assert splitter.flush() == b"data: 2\n"
    assert splitter.flush() == b""


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_of_every_kind_and_a_byte_order_mark_change_nothing(line_end: bytes, mark: bytes) -> None:
    wire = mark + STREAM.replace(b"\n", line_end)
    assert split(wire) == BLOCKS
    assert split(wire, *[1] * len(wire)) == BLOCKS


def test_a_byte_order_mark_inside_the_stream_is_data() -> None:
    assert split(b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n") == [b"data: 1", b"\xef\xbb\xbfdata: 2"]


@given(
    st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"data: ", b":", b"\xef\xbb\xbf", b"\n\n"])).map(
        b"".join
    ),
    st.lists(st.integers(1, 5)),
)
def test_chunks_do_not_matter(data: bytes, sizes: list[int]) -> None:
    assert split(data, *sizes) == split(data)


@given(st.binary(), st.lists(st.integers(1, 9)))
def test_any_bytes_in_any_chunks_are_split(data: bytes, sizes: list[int]) -> None:
    assert split(data, *sizes) == split(data)


def test_an_event_that_is_too_long_is_dropped_and_the_next_one_is_read() -> None:
    splitter = EventSplitter(max_event=10)
    assert splitter.feed(b"data: 1\n\ndata: ") == [b"data: 1"]
    assert splitter.feed(b"x" * 50) == []
    assert splitter.feed(b"x" * 50 + b"\n") == []
    assert splitter.feed(b"\ndata: 2\n\n") == [b"data: 2"]
    assert splitter.dropped == 1
    assert splitter.feed(b"data: 3\n\n") == [b"data: 3"]


def test_a_stream_that_ends_in_a_dropped_event_has_no_rest() -> None:
    splitter = EventSplitter(max_event=10)
    assert splitter.feed(b"data: " + b"x" * 50) == []
    assert splitter.flush() == b""


@pytest.mark.parametrize(
    ("block", "event"),
    [
        (b"event: ping\ndata: {}", ("ping", b"{}")),
        (b"event:ping\ndata:{}", ("ping", b"{}")),
        (b"data:  two spaces", ("", b" two spaces")),
        (b"data: 1\ndata: 2", ("", b"1\n2")),
        (b"id: 1\nretry: 5\n: comment\nother: x\ndata: 1\nevent: e", ("e", b"1")),
        (b"event: a\nevent: b\ndata: 1", ("b", b"1")),
        (b"data", ("", b"")),
        (b"\n\n", ("", b"")),
        (b"event: \xff\ndata: 1", ("ÿ", b"1")),
    ],
)
def test_fields_are_read_as_the_standard_says(block: bytes, event: tuple[str, bytes]) -> None:
    assert parse_event(block) == event
