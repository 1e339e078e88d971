"""Streams as pieces: framed, encoded, and cut where they are cut."""

from __future__ import annotations

import zlib

from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import Body, frame


def test_each_event_is_a_chunk_and_the_end_goes_with_the_last() -> None:
    assert frame(Body(data=[b"abc", b"d" * 16], due=[]), "", chunked=True) == [
        b"3\r\nabc\r\n",
        b"10\r\n" + b"d" * 16 + b"\r\n0\r\n\r\n",
    ]
    assert frame(Body(data=[b"abc", b"d"], due=[]), "", chunked=False) == [b"abc", b"d"]


def test_a_cut_stream_has_no_end_and_its_last_chunk_promises_more() -> None:
    cut = Body(data=[b"abc"], due=[], ending=Ending.CUT, part=b"de")

    assert frame(cut, "", chunked=True) == [b"3\r\nabc\r\n4\r\nde"]
    assert frame(cut, "", chunked=False) == [b"abcde"]


def test_an_encoded_stream_shows_each_event_when_its_chunk_is_there() -> None:
    pieces = frame(Body(data=[b"first", b"second"], due=[]), "gzip", chunked=False)
    decoder = zlib.decompressobj(wbits=31)

    assert [decoder.decompress(piece) for piece in pieces] == [b"first", b"second"]
    assert decoder.eof
