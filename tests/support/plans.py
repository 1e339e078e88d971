"""Plans: how each recorded reply is put on the wire.

A `Plan` fixes one exchange entirely, from a seed: content coding, framing, and where bytes are cut.
"""

from __future__ import annotations

import random
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import brotli
import msgspec
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.recordings import Interaction

CODINGS = ("identity", "gzip", "br", "zstd")
PLAN_HEADER = "x-recorded-reply"
"""Names the plan, all the way through a proxy."""

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})
"""What a proxy may change: RFC 9110 section 7.6.1."""

Headers = list[tuple[str, str]]


class _Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


class _Brotli:
    """brotli's compressor with zlib's method names."""

    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=4)

    def compress(self, data: bytes, /) -> bytes:
        return self._stream.process(data)

    def flush(self, mode: int = zlib.Z_FINISH, /) -> bytes:
        return self._stream.finish() if mode == zlib.Z_FINISH else self._stream.flush()


# By coding: a new encoder, and the modes that flush an event and that end the body.
_ENCODERS: dict[str, tuple[Callable[[], _Encoder], int, int]] = {
    "gzip": (lambda: zlib.compressobj(wbits=31), zlib.Z_SYNC_FLUSH, zlib.Z_FINISH),
    "br": (_Brotli, zlib.Z_SYNC_FLUSH, zlib.Z_FINISH),
    "zstd": (
        lambda: zstandard.ZstdCompressor().compressobj(),
        zstandard.COMPRESSOBJ_FLUSH_BLOCK,
        zstandard.COMPRESSOBJ_FLUSH_FINISH,
    ),
}


def encoded(parts: list[bytes], coding: str) -> list[bytes]:
    """Parts of a body under a content coding, each flushed as servers flush events; then the end."""
    if coding == "identity":
        return parts
    encoder_type, flush, finish = _ENCODERS[coding]
    encoder = encoder_type()
    return [*(encoder.compress(part) + encoder.flush(flush) for part in parts), encoder.flush(finish)]


_DECODERS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "identity": lambda: bytes,
    "gzip": lambda: zlib.decompressobj(wbits=31).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


def decoder(coding: str) -> Callable[[bytes], bytes]:
    """A function that gives, for each further piece of an encoded body, what can be known from it."""
    return _DECODERS[coding]()


def parts_of(reply: Interaction) -> list[bytes]:
    """The events of a stream, else the whole body."""
    if not reply.stream:
        return [reply.body]
    *events, rest = reply.body.split(b"\n\n")
    return [event + b"\n\n" for event in events] + ([rest] if rest else [])


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange: which reply, and how it is put on the wire."""

    key: str
    reply: Interaction
    coding: str
    framing: str
    """Of the reply: length, chunked, or eof (it ends with the connection)."""
    chunked_request: bool
    seed: int
    body: bytes
    """Of the reply, encoded."""
    cut: int | None = None
    """After so many bytes of the framed body the upstream closes the connection."""

    def response_headers(self) -> Headers:
        framing = {
            "length": [("content-length", str(len(self.body)))],
            "chunked": [("Transfer-Encoding", "chunked")],
            "eof": [("connection", "close")],
        }
        coding = [] if self.coding == "identity" else [("Content-Encoding", self.coding)]
        return [*self.reply.served_headers(), *coding, *framing[self.framing]]

    def request_headers(self) -> Headers:
        length = ("content-length", str(len(self.reply.request_body)))
        framing = ("Transfer-Encoding", "chunked") if self.chunked_request else length
        return [("Host", "recorded"), *self.reply.sent_headers(), (PLAN_HEADER, self.key), framing]

    def target(self) -> str:
        return self.reply.url.removeprefix("https://api.anthropic.com")

    def framed_body(self) -> bytes:
        """The body as it is sent, up to the cut."""
        whole = chunked(self.body, random.Random(self.seed)) if self.framing == "chunked" else self.body
        return whole[: self.cut]

    def sent_body(self) -> bytes:
        """What can be known of the body from what is sent."""
        return dechunked(self.framed_body()) if self.framing == "chunked" else self.framed_body()


def plan(number: int, reply: Interaction, coding: str, turn: int = 0) -> Plan:
    """The plan for a reply, the same in every run; another turn cuts it elsewhere."""
    seed = zlib.crc32(f"{reply.name} {coding} {turn}".encode())
    chance = random.Random(seed)
    return Plan(
        key=f"{number}-{coding}-{turn}",
        reply=reply,
        coding=coding,
        framing=chance.choice(("length", "chunked", "chunked", "eof")),
        chunked_request=chance.random() < 0.5,
        seed=seed,
        body=b"".join(encoded(parts_of(reply), coding)),
    )


def cut_plan(number: int, reply: Interaction, coding: str) -> Plan:
    """A plan that breaks off somewhere in the body, before its end."""
    whole = plan(number, reply, coding)
    framing = (
        "chunked" if whole.framing == "chunked" else "length"
    )  # an end by `eof` cannot be told from a cut
    framed = msgspec.structs.replace(whole, key=f"{whole.key}-cut", framing=framing)
    return msgspec.structs.replace(framed, cut=random.Random(whole.seed).randrange(len(framed.framed_body())))


def segments(data: bytes, chance: random.Random) -> list[bytes]:
    """The data cut at up to a dozen random places."""
    places = chance.sample(range(len(data) + 1), min(len(data), chance.choice((0, 1, 4, 12))))
    return [data[start:end] for start, end in pairwise(sorted({0, len(data), *places}))]


def chunked(data: bytes, chance: random.Random) -> bytes:
    """RFC 9112 section 7.1."""
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in segments(data, chance)]
    return b"".join(chunks) + b"0\r\n\r\n"


def dechunked(framed: bytes) -> bytes:
    """The payload of chunks, the last of them perhaps cut."""
    payload = b""
    while b"\r\n" in framed:
        size, _, framed = framed.partition(b"\r\n")
        payload += framed[: int(size, 16)]
        framed = framed[int(size, 16) + 2 :]
        if size == b"0":
            break
    return payload
