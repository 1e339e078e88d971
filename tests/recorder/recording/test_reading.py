"""From frames to an interaction: whole, in time, and the same however the bytes were cut."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.recording.exchanges import (
    EVENTS,
    REQUEST,
    STREAM_HEAD,
    closed,
    frame,
    opened,
    replied,
    request_head,
    streamed,
    take,
)

from tokentape.proxy.frames import Ending as WireEnding
from tokentape.proxy.frames import Flag, Frame, Kind, split_opened
from tokentape.recorder.cassette.interaction import Arrival, Ending, Interaction, Request, Response, Timing
from tokentape.recorder.recording.reading import (
    IncompleteError,
    NothingToRecordError,
    interaction_of,
    uri_of,
)


def test_two_frames_are_an_interaction() -> None:
    interaction, labels = interaction_of(take([opened(), replied()]))
    assert labels == "project=checkout"
    assert interaction == Interaction(
        request=Request(
            method="POST",
            uri="https://api.anthropic.com/v1/messages",
            headers=(("Host", "api.anthropic.com"),),
            body=REQUEST,
        ),
        response=Response(
            status=200,
            reason="OK",
            headers=(("content-type", "application/json"), ("request-id", "req_1")),
            body=b"{}",
            timing=Timing(headers=1.0, arrivals=(Arrival(1.0, 2),), ended=1.0),
        ),
        recorded_at=1_000_000.0,
    )


def test_times_count_from_the_end_of_the_request() -> None:
    frames = [
        opened(REQUEST[:10], flags=0, at=100.0),
        frame(Kind.REQUEST_BODY, REQUEST[10:], flags=Flag.END, at=102.0),
        replied(b"{", flags=0, at=103.0),
        frame(Kind.RESPONSE_BODY, b"}", flags=Flag.LAST, at=104.5),
    ]
    interaction, _ = interaction_of(take(frames))
    assert interaction.request.body == REQUEST
    assert interaction.recorded_at == 1_000_000.0
    arrivals = (Arrival(1.0, 1), Arrival(2.5, 1))
    assert interaction.response.timing == Timing(headers=1.0, arrivals=arrivals, ended=2.5)


def test_a_stream_keeps_when_each_of_its_events_came() -> None:
    frames = streamed((100.5, EVENTS[0]), (101.0, EVENTS[1]), (102.25, EVENTS[2]))
    interaction, _ = interaction_of(take(frames))
    assert interaction.response.body == b"".join(EVENTS)
    assert interaction.response.streamed
    assert interaction.response.timing == Timing(
        headers=0.5,
        arrivals=(Arrival(0.5, len(EVENTS[0])), Arrival(1.0, len(EVENTS[1])), Arrival(2.25, len(EVENTS[2]))),
        ended=2.25,
    )


@given(st.data())
def test_any_cutting_of_the_frames_gives_the_same_interaction(data: st.DataObject) -> None:
    """Bytes that were received at one instant may be told in any number of frames."""
    frames = streamed((100.5, EVENTS[0]), (101.0, EVENTS[1] + EVENTS[2]))
    pieces = [piece for one in frames for piece in _cut(one, data)]
    assert interaction_of(take(pieces)) == interaction_of(take(frames))


def _cut(whole: Frame, data: st.DataObject) -> list[Frame]:
    """The same bytes at the same time, in several frames; flags are with the last."""
    if whole.kind == Kind.OPENED:
        _, _, body = split_opened(whole.payload)
        rest, kind = body, Kind.REQUEST_BODY
    else:
        rest, kind = whole.payload, Kind.RESPONSE_BODY
        if whole.kind == Kind.RESPONSE_HEAD:
            return [whole]
    start = len(whole.payload) - len(rest)
    places = sorted(data.draw(st.lists(st.integers(0, len(rest)), max_size=4)))
    cuts = [0, *places, len(rest)]
    parts = [rest[low:high] for low, high in pairwise(cuts)]
    first = whole._replace(payload=whole.payload[:start] + parts[0], flags=0)
    more = [whole._replace(kind=int(kind), payload=part, flags=0) for part in parts[1:]]
    told = [first, *more]
    told[-1] = told[-1]._replace(flags=whole.flags)
    return told


def _gzip(parts: tuple[bytes, ...]) -> list[bytes]:
    coder = zlib.compressobj(wbits=31)
    *first, last = [coder.compress(part) + coder.flush(zlib.Z_SYNC_FLUSH) for part in parts]
    return [*first, last + coder.flush()]


def _brotli(parts: tuple[bytes, ...]) -> list[bytes]:
    coder = brotli.Compressor()
    *first, last = [coder.process(part) + coder.flush() for part in parts]
    return [*first, last + coder.finish()]


def _zstd(parts: tuple[bytes, ...]) -> list[bytes]:
    coder = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    *first, last = [coder.compress(part) + coder.flush(flush) for part in parts]
    return [*first, last + coder.flush()]


@pytest.mark.parametrize(("coding", "encode"), [("gzip", _gzip), ("br", _brotli), ("zstd", _zstd)])
def test_a_compressed_stream_is_kept_decoded_with_the_times_of_its_events(
    coding: str, encode: type[list[bytes]]
) -> None:
    head = STREAM_HEAD[:-2] + f"Content-Encoding: {coding}\r\n\r\n".encode()
    pieces = zip((100.5, 101.0, 102.0), encode(EVENTS), strict=True)
    interaction, _ = interaction_of(take(streamed(*pieces, head=head)))
    response = interaction.response
    assert response.body == b"".join(EVENTS)
    assert response.timing is not None
    assert response.timing.arrivals == (
        Arrival(0.5, len(EVENTS[0])),
        Arrival(1.0, len(EVENTS[1])),
        Arrival(2.0, len(EVENTS[2])),
    )
    assert response.headers == (("Content-Type", "text/event-stream"),)


def test_a_compressed_request_is_kept_decoded() -> None:
    head = request_head("POST", "/v1/messages", "Content-Encoding: gzip")
    interaction, _ = interaction_of(take([opened(gzip.compress(REQUEST), head=head), replied()]))
    assert (interaction.request.body, interaction.request.headers) == (
        REQUEST,
        (("Host", "api.anthropic.com"),),
    )


def test_a_body_whose_coding_cannot_be_undone_is_lost() -> None:
    head = STREAM_HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n"
    with pytest.raises(IncompleteError) as error:
        interaction_of(take(streamed((101.0, b"no gzip at all"), head=head)))
    assert error.value.reason == "encoding"


@pytest.mark.parametrize(
    ("wire", "ending"),
    [
        (WireEnding.CLIENT_ABORT, Ending.CLIENT_ABORT),
        (WireEnding.UPSTREAM_ABORT, Ending.UPSTREAM_ABORT),
        (WireEnding.TIMEOUT, Ending.TIMEOUT),
    ],
)
def test_a_part_of_a_stream_is_kept_as_the_part_it_was(wire: WireEnding, ending: Ending) -> None:
    part = EVENTS[0] + EVENTS[1][:7]
    frames = [*streamed((101.0, part), last=False), closed(wire, at=103.0)]
    response = interaction_of(take(frames))[0].response
    assert (response.body, response.ending) == (part, ending)
    assert response.timing == Timing(headers=0.5, arrivals=(Arrival(1.0, len(part)),), ended=3.0)


def test_a_compressed_part_is_kept_as_far_as_it_can_be_read() -> None:
    head = STREAM_HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n"
    first, second, _ = _gzip(EVENTS)
    frames = [
        *streamed((101.0, first), (102.0, second[:-6]), head=head, last=False),
        closed(WireEnding.UPSTREAM_ABORT),
    ]
    body = interaction_of(take(frames))[0].response.body
    assert body.startswith(EVENTS[0])
    assert len(body) < len(EVENTS[0] + EVENTS[1])


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([opened(), closed(WireEnding.PROXY_ERROR, status=502)], "proxy_error"),
        ([opened(), closed(WireEnding.TIMEOUT, status=504)], "proxy_error"),
        ([opened(), closed(WireEnding.CLIENT_ABORT)], "no_reply"),
    ],
)
def test_what_upstream_did_not_say_is_not_recorded_as_its_word(frames: list[Frame], reason: str) -> None:
    with pytest.raises(NothingToRecordError) as error:
        interaction_of(take(frames))
    assert error.value.reason == reason


def test_a_reply_that_the_proxy_itself_broke_off_is_lost() -> None:
    frames = [*streamed((101.0, EVENTS[0]), last=False), closed(WireEnding.PROXY_ERROR)]
    with pytest.raises(IncompleteError) as error:
        interaction_of(take(frames))
    assert error.value.reason == "broken_off"


def test_a_reply_to_half_a_request_is_lost() -> None:
    with pytest.raises(IncompleteError) as error:
        interaction_of(take([opened(REQUEST[:9], flags=0), replied()]))
    assert error.value.reason == "request_unfinished"


@pytest.mark.parametrize(
    ("upstream", "target", "uri"),
    [
        ("https://api.anthropic.com", "/v1/models?limit=2", "https://api.anthropic.com/v1/models?limit=2"),
        ("http://[::1]:9/anthropic", "/anthropic/v1/files", "http://[::1]:9/anthropic/v1/files"),
        ("http://h:1", "/@cassette=a,session=b/v1/messages", "http://h:1/v1/messages"),
        ("http://h:1", "/@a=b/@c=d/v1/messages?x=/@y/", "http://h:1/v1/messages?x=/@y/"),
    ],
)
def test_the_uri_is_upstreams_own_without_labels(upstream: str, target: str, uri: str) -> None:
    assert uri_of(upstream, target) == uri
