"""Files without a name: what is in them is gone with the last process that holds them open.

What was on the wire holds keys, so it must never be found on a disk, not even after `kill -9`. On Linux
such a file never has a name (O_TMPFILE); elsewhere it has one for an instant, while it is empty.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PARTS: Final = 512
"""Parts of one write; systems take 1024 at the most."""


class Spool:
    """One such file, written once and read once."""

    __slots__ = ("_file", "size")

    def __init__(self, folder: Path) -> None:
        """Open it on the disk that `folder` is on.

        Raises:
            OSError: that cannot be done.
        """
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - outlives this
        self.size = 0
        """Bytes in it."""

    def fileno(self) -> int:
        """Its descriptor, to be handed to another process."""
        return self._file.fileno()

    def append(self, parts: Sequence[bytes]) -> None:
        """Write at its end.

        Raises:
            OSError: the disk is full, or broken; what was written of the parts does not count.
        """
        at = self.size
        for start in range(0, len(parts), _PARTS):
            some = parts[start : start + _PARTS]
            written = os.writev(self.fileno(), some)
            if written < sum(map(len, some)):
                written += self._rest(b"".join(some)[written:])
            at += written
        self.size = at

    def patch(self, data: bytes) -> None:
        """Write over its first bytes.

        Raises:
            OSError: it is broken.
        """
        os.pwrite(self.fileno(), data, 0)

    def close(self) -> None:
        """Let it vanish, unless another process holds it, too."""
        self._file.close()

    def _rest(self, data: bytes) -> int:
        """A large write may be taken in parts; a full disk says so at the next one."""
        written = 0
        while written < len(data):
            written += os.write(self.fileno(), data[written:])
        return written


def read_spool(descriptor: int, size: int) -> bytes:
    """All of a file that was handed over; the descriptor is closed.

    Raises:
        OSError: it is shorter than it should be, or broken.
    """
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        file.seek(0)
        data = bytearray()
        while len(data) < size:
            more = file.read(size - len(data))
            if not more:
                raise OSError(f"a spool of {size} bytes ends after {len(data)}")
            data += more
    return bytes(data)
