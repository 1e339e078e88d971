"""Arrival times, kept by event or by line."""

from __future__ import annotations

from typing import Any

import pytest

from tokentape.recorder.cassette.interaction import Arrival, Response, Timing
from tokentape.recorder.cassette.timing import event_ends, noted, timing_of

ONE, TWO, THREE = b"data: 1\n\n", b"data: 22\n\n", b"data: 333\n\n"


def response(body: bytes, *arrivals: tuple[float, int], stream: bool = True) -> Response:
    return Response(
        status=200,
        headers=(("content-type", "text/event-stream" if stream else "application/json"),),
        body=body,
        timing=Timing(
            headers=0.5,
            arrivals=tuple(Arrival(at, size) for at, size in arrivals),
            ended=arrivals[-1][0] + 0.01,
        ),
    )


def test_a_stream_has_a_gap_for_each_event() -> None:
    recorded = response(ONE + TWO + THREE, (0.51234, len(ONE)), (0.6, len(TWO + THREE)))
    assert noted(recorded, recorded.body) == {
        "headers_ms": 500,
        "gaps_ms": [12.3, 87.7, 0],
        "ended_ms": 10,
    }


def test_an_event_came_when_its_last_byte_did() -> None:
    recorded = response(ONE + TWO, (0.6, len(ONE) + 3), (0.7, len(TWO) - 3))
    assert noted(recorded, recorded.body)["gaps_ms"] == [100, 100]


def test_what_a_stream_was_cut_off_in_counts_as_an_event() -> None:
    recorded = response(ONE + b"data", (0.6, len(ONE)), (0.8, 4))
    assert noted(recorded, recorded.body)["gaps_ms"] == [100, 200]
    assert event_ends(recorded.body) == [len(ONE), len(ONE) + 4]


def test_line_ends_of_every_kind_end_events_at_the_same_place() -> None:
    assert event_ends(b"a\r\n\r\nb\r\rc\n\nd\r\n\n") == [5, 8, 11, 15]


def test_sizes_are_those_of_the_text_that_is_read() -> None:
    noted_ = {"headers_ms": 500, "gaps_ms": [100, 100, 0], "ended_ms": 1.5}
    longer = b"data: changed\n\n" + TWO + THREE
    assert timing_of(noted_, longer, streamed=True) == Timing(
        headers=0.5, arrivals=(Arrival(0.6, 15), Arrival(0.7, len(TWO + THREE))), ended=0.7015
    )


@pytest.mark.parametrize(
    ("gaps", "arrivals"),
    [([], [(0.5, 30)]), ([100], [(0.6, 30)]), ([100, 0, 200, 7, 7], [(0.6, 19), (0.8, 11)])],
)
def test_a_list_that_does_not_fit_an_edited_stream_does_no_harm(gaps: list[int], arrivals: list[Any]) -> None:
    timing = timing_of({"headers_ms": 500, "gaps_ms": gaps}, ONE + TWO + THREE, streamed=True)
    assert timing is not None
    assert [(each.at, each.size) for each in timing.arrivals] == arrivals


def test_a_body_that_came_at_once_has_one_gap() -> None:
    recorded = response(b"{}", (0.75, 2), stream=False)
    assert noted(recorded, b"{\n}") == {"headers_ms": 500, "gaps_ms": [250], "ended_ms": 10}


def test_pieces_of_an_indented_body_are_kept_by_line() -> None:
    recorded = response(b'{"a":1,"b":2}', (0.6, 7), (0.7, 6), stream=False)
    lines = b'{\n  "a": 1,\n  "b": 2\n}'
    extras = noted(recorded, lines)
    assert extras == {"headers_ms": 500, "gaps_ms": [100, 100], "lines": [2, 2], "ended_ms": 10}
    assert timing_of(extras, lines, streamed=False) == Timing(
        headers=0.5, arrivals=(Arrival(0.6, 12), Arrival(0.7, 10)), ended=0.71
    )


def test_pieces_of_a_single_line_are_kept_by_byte() -> None:
    recorded = response(b"0123456789", (0.6, 3), (0.7, 7), stream=False)
    extras = noted(recorded, recorded.body)
    assert extras["bytes"] == [3, 7]
    assert timing_of(extras, recorded.body, streamed=False) == recorded.timing


def test_no_timing_is_noted_where_none_is_known() -> None:
    assert noted(Response(status=200, body=b"x"), b"x") == {}
    assert timing_of({}, b"x", streamed=False) is None


@pytest.mark.parametrize("wrong", ["soon", True, None, -1, float("nan"), float("inf"), [1]])
def test_what_is_no_time_is_refused(wrong: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        timing_of({"headers_ms": wrong}, b"", streamed=False)
    with pytest.raises((TypeError, ValueError)):
        timing_of({"headers_ms": 1, "gaps_ms": [wrong]}, b"", streamed=False)
