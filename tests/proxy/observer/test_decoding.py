from __future__ import annotations

import gzip
import tracemalloc
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.observer.decoding import MAX_CODINGS, DecodingError, decoder_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MIB = 1024 * 1024
PLENTY = 64 * MIB


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def gzip_members(data: bytes) -> bytes:
    middle = len(data) // 2
    return gzip.compress(data[:middle]) + gzip.compress(b"") + gzip.compress(data[middle:])


def zstd_frames(data: bytes) -> bytes:
    skippable = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"tag"
    middle = len(data) // 2
    return zstd(data[:middle]) + skippable + zstd(data[middle:])


ENCODERS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "gzip": (b"gzip", gzip.compress),
    "gzip members": (b"x-gzip", gzip_members),
    "deflate": (b"deflate", zlib.compress),
    "raw deflate": (b"deflate", raw_deflate),
    "br": (b"br", brotli.compress),
    "zstd": (b"zstd", zstd),
    "zstd frames": (b"ZSTD", zstd_frames),
    "identity": (b"identity", bytes),
    "none": (b"", bytes),
    "gzip, br": (b"gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "zstd,identity,deflate": (b"zstd,identity,deflate", lambda data: zlib.compress(zstd(data))),
}
each_coding = pytest.mark.parametrize(("name", "encode"), ENCODERS.values(), ids=ENCODERS)


class Stream(Protocol):
    """A compressor that can be flushed between events."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


class BrotliStream:
    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=1)

    def compress(self, data: bytes, /) -> bytes:
        return self._stream.process(data)

    def flush(self, _mode: int = 0, /) -> bytes:
        return self._stream.flush()


STREAMS: dict[str, tuple[bytes, Callable[[], Stream], int]] = {
    "gzip": (b"gzip", lambda: zlib.compressobj(wbits=31), zlib.Z_SYNC_FLUSH),
    "deflate": (b"deflate", zlib.compressobj, zlib.Z_SYNC_FLUSH),
    "br": (b"br", BrotliStream, 0),
    "zstd": (
        b"zstd",
        lambda: zstandard.ZstdCompressor().compressobj(),
        zstandard.COMPRESSOBJ_FLUSH_BLOCK,
    ),
}


def decoded(content_encoding: bytes, pieces: Iterable[bytes], limit: int = PLENTY) -> bytes | str:
    """The body, or the reason why it is refused."""
    try:
        decoder = decoder_for(content_encoding, limit)
        return b"".join(map(decoder.feed, pieces)) + decoder.flush()
    except DecodingError as error:
        return error.reason


def cut(data: bytes, at: list[int]) -> Iterator[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return (data[start:end] for start, end in pairwise(marks))


def single_bytes(data: bytes) -> Iterator[bytes]:
    return (data[i : i + 1] for i in range(len(data)))


@each_coding
@given(body=st.binary(max_size=4000), repeat=st.sampled_from([1, 300]), at=st.lists(st.integers(min_value=0)))
def test_any_cut_gives_the_same_bytes(
    name: bytes, encode: Callable[[bytes], bytes], body: bytes, repeat: int, at: list[int]
) -> None:
    whole = body * repeat
    assert decoded(name, cut(encode(whole), at)) == whole


@each_coding
@pytest.mark.parametrize("kib", [63, 64, 65, 128, 200, 256, 1000])
def test_large_bodies_end_where_they_end(name: bytes, encode: Callable[[bytes], bytes], kib: int) -> None:
    """Around the sizes at which decoders stop in between; halves of them for members and frames."""
    body = b"%7d\n" % kib * 128 * kib
    assert decoded(name, [encode(body)]) == body
    assert decoded(name, [encode(body[:-1]), b""]) == body[:-1]


@each_coding
def test_byte_by_byte_gives_the_same_bytes(name: bytes, encode: Callable[[bytes], bytes]) -> None:
    body = b'event: ping\ndata: {"type": "ping"}\n\n' * 20
    assert decoded(name, single_bytes(encode(body))) == body


@pytest.mark.parametrize(("name", "stream", "mode"), STREAMS.values(), ids=STREAMS)
@given(events=st.lists(st.binary(min_size=1, max_size=300), max_size=20), repeat=st.sampled_from([1, 500]))
def test_what_a_sender_flushed_comes_out_at_once(
    name: bytes, stream: Callable[[], Stream], mode: int, events: list[bytes], repeat: int
) -> None:
    encoder, decoder = stream(), decoder_for(name, PLENTY)
    for event in events:
        flushed = encoder.compress(event * repeat) + encoder.flush(mode)
        assert decoder.feed(flushed) == event * repeat


@pytest.mark.parametrize(("outer", "inner"), [("gzip", "br"), ("zstd", "gzip"), ("br", "zstd")])
def test_stacked_codings_come_out_at_once_too(outer: str, inner: str) -> None:
    """RFC 9110 section 8.4: codings are listed in the order in which they were applied."""
    inner_name, inner_stream, inner_mode = STREAMS[inner]
    outer_name, outer_stream, outer_mode = STREAMS[outer]
    first, second = inner_stream(), outer_stream()
    decoder = decoder_for(inner_name + b", " + outer_name, PLENTY)
    for event in (b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"):
        once = first.compress(event) + first.flush(inner_mode)
        assert decoder.feed(second.compress(once) + second.flush(outer_mode)) == event


@pytest.mark.parametrize(
    "name", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, br", b"zstd, zstd", b"br,deflate"]
)
@given(data=st.binary(max_size=3000), at=st.lists(st.integers(min_value=0), max_size=5))
def test_garbage_raises_nothing_but_decoding_errors(name: bytes, data: bytes, at: list[int]) -> None:
    result = decoded(name, cut(data, at))
    assert isinstance(result, bytes) or result in {"corrupt", "truncated"}


@each_coding
@given(place=st.integers(min_value=0), value=st.integers(0, 255))
def test_a_damaged_byte_raises_nothing_but_decoding_errors(
    name: bytes, encode: Callable[[bytes], bytes], place: int, value: int
) -> None:
    encoded = bytearray(encode(b"some text that compresses, compresses, compresses" * 9))
    encoded[place % len(encoded)] = value
    result = decoded(name, [bytes(encoded)])
    assert isinstance(result, bytes) or result in {"corrupt", "truncated"}


@given(name=st.binary(max_size=60))
def test_any_header_value_gives_a_decoder_or_a_decoding_error(name: bytes) -> None:
    assert decoded(name, []) in {b"", "unknown_encoding", "too_many_encodings"}


def test_an_unknown_coding_is_refused_by_name() -> None:
    with pytest.raises(DecodingError, match=r"^unknown_encoding: 'compress'$"):
        decoder_for(b"gzip, compress", PLENTY)


def test_codings_are_names_without_case() -> None:
    assert decoded(b" GZip ,, Identity", [gzip.compress(b"text")]) == b"text"


def test_a_tower_of_codings_is_refused() -> None:
    decoder_for(b",".join([b"gzip"] * MAX_CODINGS), PLENTY)
    with pytest.raises(DecodingError, match=r"^too_many_encodings: 6 codings, at most 5$"):
        decoder_for(b",".join([b"gzip"] * (MAX_CODINGS + 1)), PLENTY)


def test_identity_is_neither_copied_nor_limited() -> None:
    body = b"x" * 100
    decoder = decoder_for(b"identity", limit=10)
    assert decoder.feed(body) is body
    assert decoder.flush() == b""


@each_coding
def test_no_body_at_all_is_complete(name: bytes, encode: Callable[[bytes], bytes]) -> None:
    """A reply to HEAD, or with status 204 or 304, may name a coding and have no body."""
    del encode
    assert decoded(name, [b""]) == b""


@pytest.mark.parametrize("name", [b"gzip", b"deflate", b"br", b"zstd"])
def test_a_cut_body_gives_what_came_and_then_says_so(name: bytes) -> None:
    _, stream, mode = STREAMS[name.decode()]
    encoder, decoder = stream(), decoder_for(name, PLENTY)
    assert decoder.feed(encoder.compress(b"half") + encoder.flush(mode)) == b"half"
    with pytest.raises(DecodingError) as caught:
        decoder.flush()
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("name", [b"gzip", b"deflate", b"br", b"zstd"])
def test_a_first_byte_alone_is_a_cut_body(name: bytes) -> None:
    _, encode = ENCODERS[name.decode()]
    assert decoded(name, [encode(b"text")[:1]]) == "truncated"


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 9000, b"\x1f", b"\x1fnot a member", b"junk"])
def test_what_follows_the_last_gzip_member_is_ignored(tail: bytes) -> None:
    encoded = gzip.compress(b"text") + tail
    assert decoded(b"gzip", [encoded]) == b"text"
    assert decoded(b"gzip", single_bytes(encoded)) == b"text"


def test_what_follows_a_deflate_stream_is_ignored() -> None:
    assert decoded(b"deflate", [zlib.compress(b"text") + b"junk", b"more"]) == b"text"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (b"gzip", b"plain text"),
        (b"gzip", gzip.compress(b"text") + b"\x1f\x8bplain text"),
        (b"gzip", gzip.compress(b"text")[:-8] + bytes(8)),
        (b"deflate", b"\x78\x9cplain text"),
        (b"br", brotli.compress(b"text") + b"junk"),
        (b"zstd", b"plain text"),
        (b"zstd", zstd(b"text") + b"junk"),
    ],
    ids=["not gzip", "broken member", "wrong check sum", "not deflate", "after br", "not zstd", "after zstd"],
)
def test_broken_bodies_are_corrupt(name: bytes, body: bytes) -> None:
    assert decoded(name, [body]) == "corrupt"


def test_a_zstd_window_beyond_the_standard_is_refused() -> None:
    """RFC 9659 section 3: 8 MB; a frame could otherwise ask for 128 MB before it gave a byte."""
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    encoder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    assert decoded(b"zstd", [encoder.compress(b"text") + encoder.flush()]) == "corrupt"


def zeros(encoder: Stream, mib: int) -> bytes:
    block = bytes(MIB)
    return b"".join(encoder.compress(block) for _ in range(mib)) + encoder.flush()


def gzip_bomb() -> bytes:
    """10 MB that stand for 10 GB: members of 64 MiB, a thousand to one."""
    return zeros(zlib.compressobj(9, wbits=31), 64) * 155


def brotli_bomb() -> bytes:
    return brotli.compress(bytes(80 * MIB), quality=3)


def zstd_bomb() -> bytes:
    frame = zstd(bytes(MIB))
    return frame * (10_000_000 // len(frame))


def nested_bomb() -> bytes:
    return gzip.compress(gzip_bomb())


BOMBS: dict[str, tuple[bytes, Callable[[], bytes]]] = {
    "gzip": (b"gzip", gzip_bomb),
    "deflate": (b"deflate", lambda: zlib.compress(bytes(80 * MIB))),
    "br": (b"br", brotli_bomb),
    "zstd": (b"zstd", zstd_bomb),
    "gzip in gzip": (b"gzip, gzip", nested_bomb),
    "zstd of nothing in gzip": (b"zstd, gzip", lambda: gzip.compress(b"\x50\x2a\x4d\x18\0\0\0\0" * 10 * MIB)),
}


@pytest.mark.parametrize(("name", "bomb"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_in_bounded_memory(name: bytes, bomb: Callable[[], bytes]) -> None:
    limit = 8 * MIB
    body = bomb()
    tracemalloc.start()
    try:
        assert decoded(name, [body], limit) == "bomb"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * limit + 8 * MIB


@pytest.mark.parametrize(("name", "bomb"), BOMBS.values(), ids=BOMBS)
def test_whoever_takes_pieces_never_holds_a_bomb(name: bytes, bomb: Callable[[], bytes]) -> None:
    limit = 64 * MIB
    body = bomb()
    sizes: list[int] = []
    tracemalloc.start()
    try:
        with pytest.raises(DecodingError, match="bomb"):
            sizes.extend(map(len, decoder_for(name, limit).pieces(body)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 9 * MIB
    assert sum(sizes) <= limit


def test_pieces_before_a_fault_come_out() -> None:
    text = b"".join(b"data: %d\n\n" % n for n in range(100_000))
    body = gzip.compress(text)[:-8] + bytes(8)
    seen: list[bytes] = []
    with pytest.raises(DecodingError, match="corrupt"):
        seen.extend(decoder_for(b"gzip", PLENTY).pieces(body))
    assert len(seen) > 1
    assert text.startswith(b"".join(seen))


@pytest.mark.parametrize("name", [b"gzip", b"deflate", b"br", b"zstd"])
def test_the_limit_itself_is_allowed(name: bytes) -> None:
    _, encode = ENCODERS[name.decode()]
    body = bytes(MIB)
    assert decoded(name, [encode(body)], MIB) == body
    assert decoded(name, [encode(body)], MIB - 1) == "bomb"


def test_the_limit_holds_for_the_whole_body_not_for_one_feed() -> None:
    encoder, decoder = zlib.compressobj(wbits=31), decoder_for(b"gzip", 25)
    fed = [decoder.feed(encoder.compress(b"ten bytes.") + encoder.flush(zlib.Z_SYNC_FLUSH)) for _ in range(2)]
    assert fed == [b"ten bytes.", b"ten bytes."]
    with pytest.raises(DecodingError) as caught:
        decoder.feed(encoder.compress(b"ten bytes.") + encoder.flush(zlib.Z_SYNC_FLUSH))
    assert caught.value.reason == "bomb"
