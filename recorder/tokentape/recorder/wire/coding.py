"""Content codings: replies compressed as the API does it, an event stream flushed after each event."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Protocol

import brotli
import zstandard

from tokentape.recorder.wire.errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable

BODY_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of a request (https://docs.anthropic.com/en/api/errors)."""
_PREFERRED: Final = ("br", "gzip", "zstd")


class Encoder(Protocol):
    """An incremental encoder."""

    def event(self, data: bytes) -> bytes:
        """The bytes that let a decoder see all of `data` now."""
        ...

    def end(self) -> bytes:
        """The bytes that end the body."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(level=6, wbits=31)

    def event(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._stream.flush()


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=4)

    def event(self, data: bytes) -> bytes:
        return self._stream.process(data) + self._stream.flush()

    def end(self) -> bytes:
        return self._stream.finish()


class _Zstandard:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor().compressobj()

    def event(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)


_ENCODERS: Final[dict[str, Callable[[], Encoder]]] = {"gzip": _Gzip, "br": _Brotli, "zstd": _Zstandard}


def choose(encoding: str, accepted: bytes) -> str:
    """The coding of a reply, empty for none: as the behaviour says, or as the client accepts."""
    if encoding == "identity":
        return ""
    if encoding != "accept":
        return encoding
    names = {part.partition(b";")[0].strip().lower().decode("latin-1") for part in accepted.split(b",")}
    return next((name for name in _PREFERRED if name in names), "")


def encoder(coding: str) -> Encoder:
    """A new encoder."""
    return _ENCODERS[coding]()


def encoded(body: bytes, coding: str) -> bytes:
    """A whole body, encoded."""
    if not coding:
        return body
    stream = encoder(coding)
    return stream.event(body) + stream.end()


def decoded(body: bytes, coding: bytes) -> bytes:
    """A request body, decoded.

    Raises:
        ApiError: 400, the coding is unknown or the body broken; 413, it is too large.
    """
    name = coding.strip().lower()
    if name in {b"", b"identity"}:
        return body
    try:
        plain = _decoded(body, name)
    except (zlib.error, zstandard.ZstdError, brotli.error):
        raise invalid("The request body could not be decoded: it does not match Content-Encoding.") from None
    if len(plain) > BODY_LIMIT:
        raise ApiError(413)
    return plain


def _decoded(body: bytes, coding: bytes) -> bytes:
    """Up to one byte more than is allowed."""
    most = BODY_LIMIT + 1
    if coding in {b"gzip", b"deflate"}:
        return zlib.decompressobj(wbits=47).decompress(body, most)
    if coding == b"zstd":
        with zstandard.ZstdDecompressor().stream_reader(body) as reader:
            return reader.read(most)
    if coding == b"br":
        return brotli.Decompressor().process(body, output_buffer_limit=most)
    raise invalid("Unsupported Content-Encoding: use gzip, deflate, br or zstd.")
