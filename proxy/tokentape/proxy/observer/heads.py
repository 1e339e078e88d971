"""Request heads, read once where a client repeats itself.

An SDK sends the same head with every call but for the length of the body. So what a head says is kept,
under the head without its Content-Length, for as long as few others come in between. Heads with a trace
context are different each time and are read each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.messages.headers import RequestHead, read_request_head, split_head

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT: Final = 256
"""Distinct heads; each is a few hundred bytes."""
_LENGTH: Final = b"\r\ncontent-length:"


class ReadHead(msgspec.Struct, frozen=True):
    """What one request head says."""

    method: str
    target: str
    said: RequestHead
    encoding: bytes
    """Content-Encoding of the body; empty where there is none."""


class RequestHeads:
    """Reads request heads that a data plane has already judged."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._kept: dict[bytes, ReadHead] = {}

    def read(self, raw: bytes) -> ReadHead:
        """What a head says."""
        lowered = raw.lower()
        start = lowered.find(_LENGTH)
        key = raw if start < 0 else raw[:start] + raw[raw.find(b"\r\n", start + 2) :]
        found = self._kept.get(key)
        if found is None:
            found = self._read(raw)
            if b"\r\ntraceparent:" not in lowered:
                self._keep(key, found)
        return found

    def _keep(self, key: bytes, head: ReadHead) -> None:
        if len(self._kept) >= _KEPT:
            # The oldest goes; what is in use comes back at its next call.
            del self._kept[next(iter(self._kept))]
        self._kept[key] = head

    def _read(self, raw: bytes) -> ReadHead:
        line, headers = split_head(raw)
        method, _, rest = line.decode("latin-1").partition(" ")
        return ReadHead(
            method, rest.rpartition(" ")[0], read_request_head(headers, self._salt), encoding_of(headers)
        )


def encoding_of(headers: Mapping[bytes, bytes]) -> bytes:
    """The Content-Encoding of a body, empty where it is not encoded."""
    encoding = headers.get(b"content-encoding", b"")
    return b"" if encoding.lower() == b"identity" else encoding
