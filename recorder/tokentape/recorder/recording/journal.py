"""The journal of one session: interactions appended as they end, scrubbed before they come here.

A record is its length, its CRC-32, and MessagePack: first a `Header`, then one `Kept` for each
interaction. What a crash left half-written at the end is cut off by whoever opens the journal next.
A killed process loses nothing that was appended; a machine without power may lose the last seconds.

Whoever has a journal open has it locked, and so have the processes that inherited it from there.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from typing import TYPE_CHECKING, Final, Self

import msgspec

from tokentape.recorder.cassette.interaction import Interaction  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX: Final = ".journal"
"""Behind the whole name of the cassette, in whose folder it is: `login.yaml.journal`."""
_RECORD: Final = struct.Struct("<II")


class JournalError(Exception):
    """A journal that cannot be used. Its text is one sentence for the user."""


class JournalBusyError(JournalError):
    """Another process has it open."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal is to become."""

    session: str = ""
    """The id of the session; empty where a command records just one."""
    base: int = 0
    """Interactions of a cassette that is there already, which these go behind."""
    fresh: bool = True
    """There was no such cassette when it began."""
    version: int = 1


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction, and whose exchange it was."""

    worker: str
    exchange: int
    interaction: Interaction


_header: Final = msgspec.msgpack.Decoder(Header)
_kept: Final = msgspec.msgpack.Decoder(Kept)


class Journal:
    """An open journal."""

    def __init__(self, path: Path, descriptor: int, header: Header) -> None:
        self.path = path
        self.header = header
        self._descriptor = descriptor
        self._known: set[tuple[str, int]] = set()
        self.size = 0
        """Bytes."""

    @classmethod
    def create(cls, path: Path, header: Header) -> Self:
        """Begin a journal, and lock it.

        Raises:
            FileExistsError: there is one already.
            OSError: it cannot be written.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        lock(descriptor, path)
        return cls.begin(path, descriptor, header)

    @classmethod
    def begin(cls, path: Path, descriptor: int, header: Header) -> Self:
        """Begin a journal in a file that is empty and locked.

        Raises:
            OSError: it cannot be written.
        """
        journal = cls(path, descriptor, header)
        journal._write(msgspec.msgpack.encode(header))
        return journal

    @classmethod
    def reopen(cls, path: Path, descriptor: int) -> Self | None:
        """Go on with a journal that is locked; `None` where it is empty.

        Raises:
            JournalError: it is no journal of this version.
            OSError: it cannot be read.
        """
        journal = cls(path, descriptor, Header())
        data = journal._read()
        first = next(_payloads(data), None)
        if first is None:
            os.ftruncate(descriptor, 0)
            return None
        try:
            journal.header = _header.decode(first)
            journal._recover(data)
        except msgspec.MsgspecError:
            raise JournalError(f"{path} is no journal of this version of tokentape: move it away.") from None
        return journal

    @property
    def cassette(self) -> Path:
        """Where its interactions are to stand."""
        return self.path.with_name(self.path.name.removesuffix(SUFFIX))

    def __len__(self) -> int:
        return len(self._known)

    def has(self, worker: str, exchange: int) -> bool:
        """Whether an exchange is in it already."""
        return (worker, exchange) in self._known

    def append(self, kept: Kept) -> None:
        """Write an interaction behind the others.

        Raises:
            OSError: the disk is full or broken; the journal is as it was.
        """
        self._write(msgspec.msgpack.encode(kept))
        self._known.add((kept.worker, kept.exchange))

    def interactions(self) -> list[Interaction]:
        """All interactions, by the time at which their requests began.

        Raises:
            OSError: the disk is broken.
        """
        kept = [record.interaction for record in _records(self._read())]
        return sorted(kept, key=lambda one: one.recorded_at or 0.0)

    def remove(self) -> None:
        """The journal has become a cassette, or nothing."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of it, and of its lock."""
        os.close(self._descriptor)

    def _write(self, payload: bytes) -> None:
        record = _RECORD.pack(len(payload), zlib.crc32(payload)) + payload
        written = 0
        try:
            while written < len(record):
                written += os.pwrite(self._descriptor, record[written:], self.size + written)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(record)

    def _read(self) -> bytes:
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            return file.read()

    def _recover(self, data: bytes) -> None:
        """Take over what is whole, and cut off the rest."""
        self.size = sum(_RECORD.size + len(payload) for payload in _payloads(data))
        self._known = {(record.worker, record.exchange) for record in _records(data)}
        if self.size < len(data):
            os.ftruncate(self._descriptor, self.size)


def open_locked(path: Path) -> int:
    """A descriptor of a journal, made where it is missing, that is locked for this process and its heirs.

    Raises:
        JournalBusyError: another process has locked it.
        OSError: it cannot be opened.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        lock(descriptor, path)
        try:
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)  # Its owner removed it before it let go.


def lock(descriptor: int, path: Path) -> None:
    """Lock a file for this process and those that inherit it; on failure it is closed.

    Raises:
        JournalBusyError: another process has locked it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        what = path.name.removesuffix(SUFFIX)
        raise JournalBusyError(
            f"{path.with_name(what)} is being recorded to by another process: wait for it, or name another."
        ) from None


def _payloads(data: bytes) -> Iterator[bytes]:
    """The whole records at the start of the data."""
    position = 0
    while position + _RECORD.size <= len(data):
        length, checksum = _RECORD.unpack_from(data, position)
        payload = data[position + _RECORD.size : position + _RECORD.size + length]
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload
        position += _RECORD.size + length


def _records(data: bytes) -> Iterator[Kept]:
    payloads = _payloads(data)
    next(payloads, None)
    return map(_kept.decode, payloads)
