"""A file that is there whole, or as it was before."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def write(path: Path, data: bytes, *, mode: int = 0o644, lasting: bool = True) -> None:
    """Put `data` at `path`, which keeps its mode; a new file gets `mode` less the umask.

    `lasting` waits until the disk has it. Nobody ever sees half of it.

    Raises:
        OSError: it could not be written; what was there still is.
    """
    place = path.resolve()  # a link stays a link
    beside = place.with_name(f".{place.name}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(beside, _NEW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _keep_mode(place, descriptor)
            file.write(data)
            file.flush()
            if lasting:
                os.fsync(descriptor)
        beside.replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    if lasting:
        _sync_folder(place.parent)


def left_behind(path: Path) -> Iterable[Path]:
    """What writers of `path` that were killed left beside it."""
    return path.parent.glob(f".{path.name}.*.tmp")


def _keep_mode(place: Path, descriptor: int) -> None:
    if sys.platform == "win32":
        return
    with contextlib.suppress(FileNotFoundError):
        os.fchmod(descriptor, place.stat().st_mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    """The new name lasts, too, where folders can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
