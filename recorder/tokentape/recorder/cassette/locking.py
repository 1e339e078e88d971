"""One writer a cassette: a lock that the operating system takes back when its holder dies.

The lock is on a hidden file beside the cassette, which names the holder and is gone when it lets go. One
that a killed process left behind is taken over.
"""

from __future__ import annotations

import contextlib
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tokentape.recorder.cassette.errors import CassetteBusyError, CassetteError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_FAR: Final = 1 << 30
"""On Windows a locked byte cannot be read: the lock is far behind the text that names the holder."""


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold the lock of the cassette at `path`.

    Raises:
        CassetteBusyError: somebody else holds it.
        CassetteError: its folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    descriptor = _acquired(lock, path)
    try:
        yield
    finally:
        _release(descriptor, lock)


def _acquired(lock: Path, path: Path) -> int:
    while True:
        descriptor = _opened(lock, path)
        try:
            _lock(descriptor)
        except OSError:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise CassetteBusyError(
                f"{path} is being written by {holder}: wait until it ends, or record to another file."
            ) from None
        if _is_still(lock, descriptor):
            _sign(descriptor)
            return descriptor
        os.close(descriptor)  # its holder took it away while we waited for nothing


def _opened(lock: Path, path: Path) -> int:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        return os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError as error:
        raise CassetteError(f"{path} cannot be written: {error.strerror}.") from None


def _is_still(lock: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _sign(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()}".encode())


def _holder(descriptor: int) -> str:
    return os.read(descriptor, 64).decode("ascii", "replace").strip() or "another process"


def _release(descriptor: int, lock: Path) -> None:
    if sys.platform == "win32":  # an open file cannot be removed there
        os.close(descriptor)
        with contextlib.suppress(OSError):
            lock.unlink()
        return
    with contextlib.suppress(OSError):
        lock.unlink()
    os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        """Of this one byte; never waits."""
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        """Of this open file, so that it holds within a process, too; never waits."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
