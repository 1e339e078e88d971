"""What goes between the courier and the recorder, over a Unix socket.

A message is a length (u32), then MessagePack. A `Batch` with bytes comes with the descriptor of its spool
(SCM_RIGHTS); descriptors come in the order of their batches. The recorder answers each with `Settled`,
and may have died before it did: so a batch is sent again to its successor, which knows what it has.
"""

from __future__ import annotations

import os
import socket
import struct
from array import array
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.recording.takes import Loss  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH: Final = struct.Struct("<I")
_READ: Final = 64 * 1024
_BESIDE: Final = 4096
"""Bytes of descriptors that come with one read: far more than are ever sent together."""


class Greeting(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An observer's first message."""

    observer: str
    """Unique for its life."""
    salt: bytes
    """Of hashes of user ids, so that a session has one id here and in the ledger."""


class Batch(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Takes to be recorded, and what else has happened since the batch before it."""

    number: int
    """Counted from 1 for each observer."""
    size: int = 0
    """Bytes of its spool; without any it comes without one."""
    losses: tuple[Loss, ...] = ()
    more_losses: int = 0
    """Beside those that are named."""
    seen: dict[str, int] = {}
    """By worker: exchanges that have ended before this observer, those in this batch included."""
    carried: dict[str, int] = {}
    """By worker: exchanges that it says it carried."""


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A batch has been worked off."""

    number: int
    recorded: int = 0
    refused: dict[str, int] = {}
    """Exchanges without anything to keep, by reason."""
    lost: dict[str, int] = {}
    """By reason."""
    used: int = 0
    """Bytes that recording takes up in its folder."""


Message = Greeting | Batch | Settled

_decoder: Final[msgspec.msgpack.Decoder[Message]] = msgspec.msgpack.Decoder(Message)


def limit_sending(link: socket.socket, seconds: int) -> None:
    """Let `send` fail where the other side does not read for so long. Reading is never waited for."""
    link.setblocking(True)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", seconds, 0))


def send(link: socket.socket, message: Message, descriptor: int | None = None) -> None:
    """Send a message whole.

    Raises:
        OSError: the other side is gone, or does not read.
    """
    payload = msgspec.msgpack.encode(message)
    data = _LENGTH.pack(len(payload)) + payload
    if descriptor is None:
        link.sendall(data)
        return
    sent = socket.send_fds(link, [data], [descriptor])
    link.sendall(data[sent:])


class Inbox:
    """Cuts what comes over a link into messages, with their descriptors."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._data = b""
        self._descriptors: deque[int] = deque()

    def receive(self) -> list[tuple[Message, int | None]]:
        """The messages that are there now, without waiting for any.

        Raises:
            BlockingIOError: nothing is there.
            EOFError: the link has ended.
            OSError: it broke.
            msgspec.MsgspecError: what came is no message.
        """
        # Not `socket.recv_fds`, which leaves its flags aside.
        data, beside, _, _ = self._link.recvmsg(_READ, _BESIDE, socket.MSG_DONTWAIT)
        for level, kind, packed in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors = array("i")
                descriptors.frombytes(packed[: len(packed) - len(packed) % descriptors.itemsize])
                self._descriptors.extend(descriptors)
        if not data:
            raise EOFError
        self._data += data
        return list(self._messages())

    def close(self) -> None:
        """Let go of descriptors that no message came for."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()

    def _messages(self) -> Iterator[tuple[Message, int | None]]:
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            end = _LENGTH.size + length
            if len(self._data) < end:
                return
            message = _decoder.decode(self._data[_LENGTH.size : end])
            self._data = self._data[end:]
            spooled = isinstance(message, Batch) and message.size
            yield message, self._descriptors.popleft() if spooled else None
