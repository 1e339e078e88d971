"""What a recording keeps of replies that come in pieces, break off, or never come."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.ports import closed_port
from tests.support.proxy import RunningProxy, eventually, running_proxy
from tests.support.recording import GatedUpstream, gated_upstream, running_record
from tests.support.upstream import HEADERS, MODEL, STREAM_REQUEST, standin_process

from tokentape.recorder.cassette.interaction import Ending
from tokentape.recorder.cassette.store import load

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tokentape.recorder.cassette.interaction import Interaction, Response


def event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data}, separators=(',', ':'))}\n\n".encode()


START = event("message_start", message={"id": "msg_1", "usage": {"input_tokens": 1, "output_tokens": 1}})
PING = event("ping")
STOP = event("message_stop")


class Deck:
    """A proxy that records each session for itself, and writes its cassette soon after."""

    def __init__(self, proxy: RunningProxy, folder: Path) -> None:
        self.proxy = proxy
        self._folder = folder

    def interaction(self, session: str) -> Interaction:
        """The one interaction of a session, once its cassette is there."""
        cassette = self._folder / f"{session}.yaml"
        eventually(cassette.exists, f"the cassette of {session}")
        (interaction,) = load(cassette).interactions
        return interaction

    def names(self) -> set[str]:
        """Of all that is in the folder."""
        return {path.name for path in self._folder.iterdir()}


@contextlib.contextmanager
def recording(url: str, folder: Path) -> Generator[Deck]:
    tape = folder / "tape"
    with running_proxy(url, "--record", str(tape), "--record-idle", "0.01") as proxy:
        yield Deck(proxy, tape)


@pytest.fixture(scope="module")
def upstream() -> Generator[GatedUpstream]:
    with gated_upstream() as server:
        yield server


@pytest.fixture(scope="module")
def deck(upstream: GatedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Generator[Deck]:
    with recording(upstream.url, tmp_path_factory.mktemp("gated")) as deck:
        yield deck


@pytest.fixture(scope="module")
def standin_deck(tmp_path_factory: pytest.TempPathFactory) -> Generator[Deck]:
    with standin_process() as url, recording(url, tmp_path_factory.mktemp("standin")) as deck:
        yield deck


class Stream:
    """A stream through a proxy, read event by event."""

    def __init__(self, address: tuple[str, int], session: str, **headers: str) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request("POST", f"/@session={session}/v1/messages", STREAM_REQUEST, HEADERS | named)
        self.reply = self._connection.getresponse()

    def event(self) -> bytes:
        """The next event, as soon as it has come."""
        data = b""
        while not data.endswith(b"\n\n"):
            data += self.reply.readline()
        return data

    def close(self) -> None:
        """Leave, whatever is still to come."""
        self.reply.close()
        self._connection.close()


def data_of(response: Response) -> list[Any]:
    return [json.loads(line[6:]) for line in response.body.splitlines() if line.startswith(b"data: ")]


def test_the_client_has_each_event_before_upstream_says_the_next(upstream: GatedUpstream, deck: Deck) -> None:
    """And each has an arrival of its own, in order."""
    said = [START, *[event("content_block_delta", index=0, n=n) for n in range(20)], STOP]
    stream = Stream(deck.proxy.address, "gated")
    for each in said:
        upstream.say(each)
        assert stream.event() == each
    upstream.say(b"")
    assert stream.reply.read() == b""
    stream.close()
    response = deck.interaction("gated").response
    assert data_of(response) == [json.loads(each.partition(b"data: ")[2]) for each in said]
    timing = response.timing
    assert timing is not None
    at = [arrival.at for arrival in timing.arrivals]
    assert at == sorted(at)
    assert sum(arrival.size for arrival in timing.arrivals) == len(response.body)
    assert timing.headers <= at[0] <= at[-1] <= timing.ended


@pytest.mark.parametrize("coding", ["identity", "gzip", "br", "zstd"])
def test_events_are_recorded_decoded_and_no_earlier_than_they_were_said(
    standin_deck: Deck, coding: str
) -> None:
    """The stand-in's script: the head after 0.1 s, the first delta after 0.3 s, then one each 0.05 s."""
    script = {
        "head_seconds": 0.1,
        "ttft": 0.3,
        "tokens_per_second": 80.0,
        "chunk_tokens": 4,
        "output_tokens": 24,
    }
    behaviour = json.dumps({"encoding": coding, "separate": True, **script})
    stream = Stream(standin_deck.proxy.address, coding, x_standin_behaviour=behaviour)
    assert stream.reply.read()
    stream.close()
    response = standin_deck.interaction(coding).response
    assert response.header("content-encoding") is None
    events = data_of(response)
    assert [each["type"] for each in events].count("content_block_delta") == 6
    assert response.timing is not None
    assert response.timing.headers >= 0.1
    due = iter(0.3 + 0.05 * number for number in range(6))
    for each, at in zip(events, moments(response), strict=True):
        if each["type"] == "content_block_delta":
            # A cassette's times are whole tenths of a millisecond, and its zero is not the stand-in's.
            assert at >= next(due) - 0.005


def moments(response: Response) -> list[float]:
    """When each event was there whole."""
    assert response.timing is not None
    come: list[tuple[int, float]] = []
    upto = 0
    for arrival in response.timing.arrivals:
        upto += arrival.size
        come.append((upto, arrival.at))
    ends = [place + 2 for place in range(len(response.body)) if response.body.startswith(b"\n\n", place)]
    return [next(at for size, at in come if size >= end) for end in ends]


def test_a_client_that_leaves_ends_the_recording_where_it_left(upstream: GatedUpstream, deck: Deck) -> None:
    stream = Stream(deck.proxy.address, "left")
    upstream.say(START, PING)
    assert stream.event() + stream.event() == START + PING
    stream.close()
    response = deck.interaction("left").response
    assert response.ending == Ending.CLIENT_ABORT
    assert [each["type"] for each in data_of(response)] == ["message_start", "ping"]
    upstream.say("close")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_upstream_that_breaks_off_is_recorded_as_far_as_it_came(
    upstream: GatedUpstream, deck: Deck, how: str
) -> None:
    stream = Stream(deck.proxy.address, how)
    upstream.say(START)
    assert stream.event() == START
    upstream.say(PING[:12])
    assert stream.reply.read1() == PING[:12]
    upstream.say(how)
    with pytest.raises(http.client.IncompleteRead):
        stream.reply.read()
    stream.close()
    response = deck.interaction(how).response
    assert response.ending == Ending.UPSTREAM_ABORT
    assert response.body.endswith(PING[:12])


def test_an_error_inside_a_stream_is_a_part_of_the_stream(upstream: GatedUpstream, deck: Deck) -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    stream = Stream(deck.proxy.address, "error")
    upstream.say(START, error, b"")
    assert stream.reply.read() == START + error
    stream.close()
    response = deck.interaction("error").response
    assert (response.status, response.ending) == (200, Ending.COMPLETE)
    assert [each["type"] for each in data_of(response)] == ["message_start", "error"]


def test_a_compressed_stream_that_breaks_off_is_kept_as_far_as_it_can_be_read(
    upstream: GatedUpstream, deck: Deck
) -> None:
    coder = zlib.compressobj(wbits=31)
    first = coder.compress(START) + coder.flush(zlib.Z_SYNC_FLUSH)
    upstream.headers["content-encoding"] = "gzip"
    stream = Stream(deck.proxy.address, "gzip-cut")
    del upstream.headers["content-encoding"]
    upstream.say(first)
    assert stream.reply.read1() == first
    upstream.say("close")
    with pytest.raises(http.client.IncompleteRead):
        stream.reply.read()
    stream.close()
    assert [each["type"] for each in data_of(deck.interaction("gzip-cut").response)] == ["message_start"]


def test_a_large_compressed_request_is_recorded_whole(standin_deck: Deck) -> None:
    """Nothing of it is skimmed, and it goes by way of the disk."""
    content = "".join(f"{number:x} " for number in range(400_000))
    body = json.dumps({"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": content}]})
    connection = http.client.HTTPConnection(*standin_deck.proxy.address, timeout=30)
    headers = {**HEADERS, "content-encoding": "gzip"}
    connection.request("POST", "/@session=large/v1/messages", gzip.compress(body.encode(), 1), headers)
    status = connection.getresponse().status
    connection.close()
    interaction = standin_deck.interaction("large")
    assert interaction.response.status == status
    assert json.loads(interaction.request.body) == json.loads(body)


def test_the_proxys_own_error_is_never_recorded_as_the_apis(tmp_path: Path) -> None:
    """And is counted."""
    with recording(f"http://127.0.0.1:{closed_port()}", tmp_path) as deck:
        stream = Stream(deck.proxy.address, "refused")
        assert stream.reply.status == 502
        stream.close()
        eventually(lambda: results(deck) == {"refused": 1}, "the counting of the error")
        assert deck.names() == set()


def results(deck: Deck) -> dict[str, float]:
    return deck.proxy.metrics().by("tokentape_recording_exchanges_total", "result")


@pytest.mark.slow
def test_a_stream_that_our_own_end_cuts_off_is_named_and_not_written(
    upstream: GatedUpstream, tmp_path: Path
) -> None:
    with running_record(tmp_path, "--drain", "0", "a.yaml", upstream=upstream.url) as running:
        stream = Stream(running.address, "cut")
        upstream.say(START)
        assert stream.event() == START
        result = running.stop()
        stream.close()
    upstream.say("close")
    assert result.status == 1
    assert result.told[0] == "nothing was recorded"
    assert result.told[1].endswith(": the proxy itself broke it off")
