"""What an exchange tells the observer of its request, and what it leaves out when the observer is behind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tokentape.proxy.frames import Flag, Kind, split_opened, split_skimmed
from tokentape.proxy.relay.exchange import SKIM, SKIMMED_BYTES, Exchange

HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = bytes(range(256)) * (SKIMMED_BYTES // 128)


class Outbox:
    """Keeps what would be written and told."""

    def __init__(self, *, behind: bool) -> None:
        self._behind = behind
        self.frames: list[tuple[int, int, bytes]] = []
        self.written = b""

    def behind(self) -> bool:
        return self._behind

    def skims(self) -> bool:
        return self._behind

    def write(self, transport: object, data: bytes | tuple[bytes, ...]) -> None:
        assert transport is not None
        self.written += data if isinstance(data, bytes) else b"".join(data)

    def frame(self, exchange: object, kind: int, flags: int, received: float, payload: bytes) -> None:
        assert exchange is not None
        assert received == 1.0
        self.frames.append((kind, flags, payload))


def send(pieces: list[bytes], *, behind: bool) -> Outbox:
    """An exchange whose request body comes in these pieces, the first with the head."""
    outbox = Outbox(behind=behind)
    client = cast("Any", SimpleNamespace(received=1.0))
    exchange = Exchange(1, client, cast("Any", outbox), {}, b"POST", True, HEAD, b"", 1.0)
    exchange.request_ended = len(pieces) == 1
    exchange.hold(pieces[0], pieces[:1])
    exchange.send_request(cast("Any", SimpleNamespace(transport=object())))
    for index, piece in enumerate(pieces[1:], 2):
        exchange.request_ended = index == len(pieces)
        exchange.frame_body([piece])
    return outbox


def body_told(outbox: Outbox) -> bytes:
    kind, _, payload = outbox.frames[0]
    assert kind == Kind.OPENED
    return split_opened(payload)[2] + b"".join(payload for _, _, payload in outbox.frames[1:])


@pytest.mark.parametrize("pieces", [[b"{}"], [b"{", b"}"], [LARGE], [LARGE, LARGE], [b"{", LARGE]])
@pytest.mark.parametrize("behind", [False, True])
def test_what_is_written_is_the_head_and_what_came_with_it(pieces: list[bytes], behind: bool) -> None:  # noqa: FBT001 - parametrized
    assert send(pieces, behind=behind).written == HEAD + pieces[0]


@pytest.mark.parametrize("pieces", [[b"{}"], [b"{", b"}"], [LARGE], [LARGE, LARGE], [b"{", LARGE]])
def test_an_observer_that_keeps_up_is_told_every_byte(pieces: list[bytes]) -> None:
    outbox = send(pieces, behind=False)
    assert body_told(outbox) == b"".join(pieces)
    assert [flags for _, flags, _ in outbox.frames if flags] == [Flag.END]


def test_a_small_request_is_told_whole_in_one_frame_even_to_an_observer_that_is_behind() -> None:
    outbox = send([b"{}"], behind=True)
    assert [(kind, flags) for kind, flags, _ in outbox.frames] == [(Kind.OPENED, Flag.END | Flag.HURRY)]
    assert body_told(outbox) == b"{}"


@pytest.mark.parametrize("pieces", [[LARGE], [LARGE, LARGE], [LARGE, b"end"]])
def test_of_a_large_request_an_observer_that_is_behind_is_told_start_end_and_size(
    pieces: list[bytes],
) -> None:
    outbox = send(pieces, behind=True)
    (first, _, opened), (second, flags, skimmed) = outbox.frames
    assert (first, second, flags) == (Kind.OPENED, Kind.REQUEST_BODY, Flag.END | Flag.SKIMMED)
    whole = b"".join(pieces)
    assert split_opened(opened)[2] == whole[:SKIM]
    assert split_skimmed(skimmed) == (len(whole), whole[-SKIM:])
