"""Content codings: chosen, applied event by event, and undone in requests."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.wire.coding import BODY_LIMIT, choose, decoded, encoded, encoder
from tokentape.recorder.wire.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

CODINGS = ("gzip", "br", "zstd")


@pytest.mark.parametrize(
    ("encoding", "accepted", "chosen"),
    [
        ("identity", b"gzip", ""),
        ("zstd", b"", "zstd"),
        ("accept", b"gzip, deflate, br, zstd", "br"),
        ("accept", b"GZIP;q=0.5", "gzip"),
        ("accept", b"deflate", ""),
        ("accept", b"", ""),
    ],
)
def test_the_behaviour_or_the_client_chooses(encoding: str, accepted: bytes, chosen: str) -> None:
    assert choose(encoding, accepted) == chosen


def _decoder(coding: str) -> Callable[[bytes], bytes]:
    if coding == "gzip":
        return zlib.decompressobj(wbits=31).decompress
    if coding == "br":
        return brotli.Decompressor().process
    return zstandard.ZstdDecompressor().decompressobj().decompress


@pytest.mark.parametrize("coding", CODINGS)
def test_an_event_can_be_read_before_the_next_one_is_there(coding: str) -> None:
    events = [b"event: a\n\n", b"", b"event: " + b"b" * 1000 + b"\n\n"]
    stream = encoder(coding)
    decoder = _decoder(coding)

    assert [decoder(stream.event(event)) for event in events] == events
    assert decoder(stream.end()) == b""


@given(st.binary(max_size=2000), st.sampled_from(("", *CODINGS)))
def test_a_body_survives_the_round(body: bytes, coding: str) -> None:
    assert decoded(encoded(body, coding), coding.encode()) == body


def test_deflate_and_odd_spelling_are_understood() -> None:
    assert decoded(zlib.compress(b"a"), b" Deflate ") == b"a"
    assert decoded(b"a", b"identity") == b"a"


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"zstd"])
def test_a_broken_body_is_refused(coding: bytes) -> None:
    with pytest.raises(ApiError, match="could not be decoded"):
        decoded(b"\x00\x01 no such thing", coding)


def test_an_unknown_coding_is_refused() -> None:
    with pytest.raises(ApiError, match="Unsupported Content-Encoding"):
        decoded(b"a", b"snappy")


def test_a_bomb_is_refused_as_too_large() -> None:
    bomb = gzip.compress(bytes(BODY_LIMIT + 1), compresslevel=1)

    with pytest.raises(ApiError) as caught:
        decoded(bomb, b"gzip")

    assert caught.value.status == 413
