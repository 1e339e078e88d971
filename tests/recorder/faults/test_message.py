"""Messages as JSON values and as events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.faults.recorded import EVENTS, MESSAGE, message, stream, whole

from tokentape.recorder.faults.message import (
    Spent,
    data_of,
    event_of,
    events_of,
    is_stream,
    message_in,
    usage_of,
    whole_events,
)
from tokentape.recorder.wire.body import Body


def test_an_event_is_read_in_every_spelling() -> None:
    value = {"type": "ping", "n": 1}

    for event in (
        event_of(value),
        b'event: ping\r\ndata: {"type":"ping","n":1}\r\n\r\n',
        b'data:{"type":"ping",\ndata:"n":1}\n\n',
    ):
        assert data_of(event) == value
    assert data_of(b"event: ping\ndata: no json\n\n") == {}
    assert data_of(b": a comment\n\n") == {}


def test_streams_are_known_by_their_content_type() -> None:
    assert is_stream(stream())
    assert not is_stream(whole())


def test_usage_is_told_by_the_last_that_says_it_and_without_what_was_cached() -> None:
    assert usage_of(stream()) == Spent(34, 20)
    assert usage_of(whole()) == Spent(34, 20)
    assert usage_of(stream(EVENTS[0])) == Spent(34, 20)
    assert usage_of(whole({"type": "error"})) == Spent()


def test_only_a_message_is_a_message() -> None:
    assert message_in(whole()) == MESSAGE
    assert message_in(whole({"type": "error"})) is None
    assert message_in(whole([MESSAGE])) is None


def test_the_events_of_a_message_say_it() -> None:
    said = MESSAGE | {"content": MESSAGE["content"][2:]}

    datas = [data_of(event) for event in events_of(said)]

    assert [data["type"] for data in datas] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert usage_of(stream(*events_of(said))).output == 20
    assert message(whole(said)) == said


@given(st.lists(st.integers(1, 40), max_size=60), st.booleans())
def test_pieces_are_joined_to_events_and_none_is_lost(sizes: list[int], timed: bool) -> None:  # noqa: FBT001
    rest, pieces = b"".join(EVENTS), list[bytes]()
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces = [piece for piece in [*pieces, rest] if piece]
    due = [float(place) for place in range(len(pieces))] if timed else []

    joined = whole_events(Body(data=pieces, due=due))

    assert b"".join(joined.data) == b"".join(EVENTS)
    assert all(event.endswith(b"\n\n") for event in joined.data)
    assert joined.due == sorted(joined.due)
    assert len(joined.due) == (len(joined.data) if timed else 0)
