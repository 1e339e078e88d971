"""The folder of a cassette's media: `x.yaml.media/` beside `x.yaml`, a file for each content."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tokentape.recorder.cassette import atomic, media
from tokentape.recorder.cassette.errors import CassetteError

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path


def folder(cassette: Path) -> Path:
    """Where the media of a cassette lie."""
    return cassette.with_name(f"{cassette.name}.media")


def content(cassette: Path, name: str) -> bytes:
    """What the file with this name holds.

    Raises:
        CassetteError: it is missing, or holds something else.
    """
    file = folder(cassette) / name
    try:
        data = file.read_bytes()
    except OSError:
        raise CassetteError(f"{cassette} refers to {file}, which cannot be read: restore it.") from None
    if not media.is_whole(name, data):
        raise CassetteError(f"{file} does not hold what its name says: restore it.")
    return data


def add(cassette: Path, files: media.Files) -> None:
    """Write the contents that are not there yet.

    Raises:
        OSError: one cannot be written.
    """
    place = folder(cassette)
    if files:
        place.mkdir(exist_ok=True)
    for name, data in files.items():
        file = place / name
        if not file.is_file() or file.read_bytes() != data:
            atomic.write(file, data)


def keep_only(cassette: Path, names: Container[str]) -> None:
    """Remove media that the cassette no longer refers to, and the folder once it is empty."""
    place = folder(cassette)
    if not place.is_dir():
        return
    for file in place.iterdir():
        if media.NAME.fullmatch(file.name) and file.name not in names:
            with contextlib.suppress(OSError):
                file.unlink()
    with contextlib.suppress(OSError):
        place.rmdir()
