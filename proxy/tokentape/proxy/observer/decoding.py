"""Content-Encoding of copied bodies, undone as the bytes arrive.

The data plane passes bodies on as they are, compression included; the observer decodes its copy.
Output never waits: what a sender flushed comes out of the `feed` that brought it, so an event of a
compressed stream is seen when it was sent. Work is linear in the bytes in and out, and memory is
bounded before anything is inflated, because a few hundred bytes can stand for gigabytes.

Codings: RFC 9110 section 8.4.1 (gzip, x-gzip, deflate), RFC 7932 (br), RFC 9659 (zstd).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

import brotli
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_CODINGS = 5
"""Stacked codings; nobody needs more than two, and each costs memory."""

_PIECE = 64 * 1024
"""Bytes that gzip, deflate and br may give in one step."""

_SLICE = 4 * 1024
"""Bytes taken at a time: decoders copy the rest of a slice whenever they stop early."""

_ZSTD_SLICE = 128
"""zstd cannot be told to stop early, and 4 bytes may be a block of 128 KiB: so 4 MiB at worst."""

_ZSTD_WINDOW = 8 * 1024 * 1024
"""RFC 9659: a decoder of the `zstd` content coding supports windows up to 8 MB, a sender keeps to it."""

_MEMBER_COST = 1024
"""Bytes that each further gzip member or zstd frame counts for: millions of empty ones are a bomb too."""

_GZIP_MAGIC = b"\x1f\x8b"


class DecodingError(Exception):
    """A body cannot be decoded. `reason` is one of few words, fit for a label.

    `unknown_encoding`, `too_many_encodings`, `corrupt`, `truncated`, or `bomb`: more came out than
    the limit allows.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class _Inflater(Protocol):
    """What `zlib.decompressobj` gives; its type has no public name."""

    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Coding(Protocol):
    """One coding. `pieces` yields what each step gave, so that the caller can stop a bomb.

    An empty piece says that a further member or frame began.
    """

    def pieces(self, data: bytes) -> Iterator[bytes]: ...

    def complete(self) -> bool:
        """Whether the input may end here."""
        ...


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    if len(data) <= size:
        yield data
        return
    for start in range(0, len(data), size):
        yield data[start : start + size]


class _Gzip:
    """Members one after another; as in gzip(1), what follows the last and is no member is ignored."""

    def __init__(self) -> None:
        self._member: _Inflater | None = None
        self._between = b""
        """The start of what may be the next member, while too short to tell."""
        self._members = 0
        self._ended = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data, _SLICE):
            rest = part
            while rest and not self._ended:
                member = self._member
                if member is None:
                    rest = self._begin(rest)
                    if self._member and self._members > 1:
                        yield b""
                    continue
                yield from _inflated(member, rest)
                rest = member.unused_data
                if member.eof:
                    self._member = None

    def _begin(self, data: bytes) -> bytes:
        head = self._between + data
        if len(head) < 2 and _GZIP_MAGIC.startswith(head):
            self._between = head
            return b""
        self._between = b""
        if self._members and not head.startswith(_GZIP_MAGIC):
            self._ended = True
            return b""
        self._members += 1
        self._member = zlib.decompressobj(wbits=31)
        return head

    def complete(self) -> bool:
        return self._member is None and (self._members > 0 or not self._between)


class _Deflate:
    """The zlib format, as RFC 9110 says, or the raw deflate that many senders take it for."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: _Inflater | None = None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data, _SLICE):
            if self._stream is None:
                self._head += part
                if len(self._head) < 2:
                    continue
                self._stream = zlib.decompressobj(wbits=15 if _has_zlib_header(self._head) else -15)
                yield from _inflated(self._stream, self._head)
            elif not self._stream.eof:
                yield from _inflated(self._stream, part)

    def complete(self) -> bool:
        return self._stream.eof if self._stream else not self._head


def _has_zlib_header(head: bytes) -> bool:
    """RFC 1950 section 2.2: method 8, a window of at most 32 KiB, and a check sum of both bytes."""
    return head[0] & 0x0F == 8 and head[0] >> 4 <= 7 and int.from_bytes(head[:2], "big") % 31 == 0


def _inflated(stream: _Inflater, data: bytes) -> Iterator[bytes]:
    """A full piece may leave output inside zlib even when no input is left, so ask once more.

    At its end a stream has the rest in `unused_data`, and sometimes in `unconsumed_tail` as well.
    """
    piece = b""
    while (data or len(piece) == _PIECE) and not stream.eof:
        piece = stream.decompress(data, _PIECE)
        if piece:
            yield piece
        data = stream.unconsumed_tail


class _Brotli:
    """One brotli stream; anything after it is an error."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        stream = self._stream
        for part in _slices(data, _SLICE):
            self._begun = True
            piece = stream.process(part, output_buffer_limit=_PIECE)
            while piece:
                yield piece
                piece = b"" if stream.is_finished() else stream.process(b"", output_buffer_limit=_PIECE)

    def complete(self) -> bool:
        return self._stream.is_finished() or not self._begun


class _Zstd:
    """Frames one after another."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._frames = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data, _ZSTD_SLICE):
            rest = part
            while rest:
                if self._frame is None:
                    self._frame = self._context.decompressobj()
                    self._frames += 1
                    if self._frames > 1:
                        yield b""
                piece = self._frame.decompress(rest)
                if piece:
                    yield piece
                rest = self._frame.unused_data
                if self._frame.eof:
                    self._frame = None

    def complete(self) -> bool:
        return self._frame is None


class Decoder:
    """Undoes the codings of one body. Not to be used again after a `DecodingError`."""

    __slots__ = ("_codings", "_decoded", "_limit")

    def __init__(self, codings: list[_Coding], limit: int) -> None:
        """`codings` in the order in which they are undone; `limit` as in `decoder_for`."""
        self._codings = codings
        self._limit = limit
        self._decoded = [0] * len(codings)
        """Bytes that each coding gave: a bomb may hide in an inner one."""

    @property
    def memory(self) -> int:
        """Bytes that its windows take once a stream has filled them, as measured."""
        return sum(_MEMORY.get(type(coding), 0) for coding in self._codings)

    def feed(self, data: bytes) -> bytes:
        """All that can be known of the body from what has come so far: `pieces`, joined.

        Raises:
            DecodingError: `corrupt` or `bomb`.
        """
        return b"".join(self.pieces(data)) if self._codings else data

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The same a piece at a time, for whoever need not hold it whole: 100 KB, with zstd up to 4 MiB.

        Exhaust the iterator before the next call. What was decoded before a fault comes out first.

        Raises:
            DecodingError: `corrupt` or `bomb`.
        """
        try:
            yield from self._through(0, data) if self._codings and data else (data,)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise DecodingError("corrupt", str(error)) from None

    def flush(self) -> bytes:
        """The body ended. Nothing is ever held back, so this gives `b""`.

        Raises:
            DecodingError: `truncated`, though all that came was given out.
        """
        if not all(coding.complete() for coding in self._codings):
            raise DecodingError("truncated", "the body ended inside a compressed stream")
        return b""

    def _through(self, level: int, data: bytes) -> Iterator[bytes]:
        last = level + 1 == len(self._codings)
        for piece in self._codings[level].pieces(data):
            self._decoded[level] += len(piece) or _MEMBER_COST
            if self._decoded[level] > self._limit:
                raise DecodingError("bomb", f"more than {self._limit} bytes decoded")
            if last and piece:
                yield piece
            elif piece:
                yield from self._through(level + 1, piece)


_CODINGS: dict[str, Callable[[], _Coding]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}


_MEMORY: dict[type[object], int] = {
    _Gzip: 48 * 1024,
    _Deflate: 48 * 1024,
    _Brotli: 4 * 1024 * 1024,
    _Zstd: 2560 * 1024,
}


def decoder_for(content_encoding: bytes, limit: int) -> Decoder:
    """A decoder for the value of a Content-Encoding header, empty where there was none.

    `limit` is in bytes and holds for what each coding gives in the whole body; a further gzip member
    or zstd frame counts as 1 KiB. An identity body passes as it is, without a limit and without a
    copy. For a moment a `feed` takes at most twice the limit and 8 MiB, `pieces` 8 MiB; a decoder
    keeps its window (up to 32 KiB for gzip and deflate, 16 MiB for br, 8 MiB for zstd).

    Raises:
        DecodingError: `unknown_encoding` or `too_many_encodings`.
    """
    names = [name.strip().lower() for name in content_encoding.decode("latin-1").split(",")]
    wanted = [name for name in names if name not in {"", "identity"}]
    if len(wanted) > MAX_CODINGS:
        raise DecodingError("too_many_encodings", f"{len(wanted)} codings, at most {MAX_CODINGS}")
    for name in wanted:
        if name not in _CODINGS:
            raise DecodingError("unknown_encoding", repr(name[:40]))
    return Decoder([_CODINGS[name]() for name in reversed(wanted)], limit)
