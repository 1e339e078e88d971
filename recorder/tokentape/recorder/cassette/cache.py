"""Cassettes once read, kept where they are read again at once: in the user's cache folder.

An entry's name is a hash of the very bytes of the file and of the code that reads them, so it cannot be
stale: another byte, or another reader, is another name. Beside a cassette lies what others derive from it,
such as an index. Each file ends in a checksum and is private; what is damaged, missing or not to be
written is as if it had never been there. The folder is bounded: what was not used for longest goes first.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import zlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from platformdirs import user_cache_path

from tokentape.recorder.cassette import atomic
from tokentape.recorder.cassette.interaction import Cassette

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST: Final = 512 * 1024 * 1024
"""Bytes that the folder may hold."""
LEAST: Final = 128 * 1024
"""Bytes of a cassette that is worth an entry: a smaller one is read as fast."""

_SUMMED: Final = 4
_decoder: Final = msgspec.msgpack.Decoder(Cassette)
_READERS: Final = ("tokentape.recorder.cassette", "tokentape.proxy.observer")


class Entry:
    """What the cache has for one cassette."""

    __slots__ = ("_folder", "_key")

    def __init__(self, folder: Path | None, key: str) -> None:
        """Without a folder it has and takes nothing."""
        self._folder = folder
        self._key = key

    def cassette(self) -> Cassette | None:
        """The cassette, if it is here."""
        data = self._get("cassette")
        if data is None:
            return None
        with contextlib.suppress(msgspec.DecodeError):
            return _decoder.decode(data)
        return None

    def keep(self, cassette: Cassette) -> None:
        """Have it here next time."""
        self._put("cassette", msgspec.msgpack.encode(cassette))

    def derived(self, name: str, version: int) -> bytes | None:
        """What was kept under this name and version; both are letters and digits."""
        data = self._get(f"{name}-{version}")
        return None if data is None else bytes(data)

    def keep_derived(self, name: str, version: int, data: bytes) -> None:
        """Keep what was derived from this cassette, until it or its derivation changes."""
        self._put(f"{name}-{version}", data)

    def _get(self, kind: str) -> memoryview | None:
        if self._folder is None:
            return None
        path = self._folder / f"{self._key}.{kind}"
        try:
            data = memoryview(path.read_bytes())
            os.utime(path)
        except OSError:
            return None
        kept, checksum = data[:-_SUMMED], bytes(data[-_SUMMED:])
        return kept if checksum == _sum(kept) else None

    def _put(self, kind: str, data: bytes) -> None:
        if self._folder is None or len(data) > MOST // 4:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / f"{self._key}.{kind}"
            atomic.write(path, data + _sum(data), mode=0o600, lasting=False)
            _make_room(self._folder, keep=path)


def entry_for(data: bytes, folder: Path | None = None) -> Entry:
    """The entry of a cassette file, by its bytes; `folder` is the user's cache unless told otherwise."""
    if len(data) < LEAST:
        return Entry(None, "")
    key = hashlib.sha256(_reader())
    key.update(data)
    return Entry(folder or default_folder(), key.hexdigest())


def default_folder() -> Path:
    """Where entries lie."""
    return user_cache_path("tokentape", appauthor=False) / "cassettes"


NOWHERE: Final = Entry(None, "")
"""The entry of what is in no file."""


@functools.cache
def _reader() -> bytes:
    return code_of(_READERS)


def code_of(packages: Iterable[str]) -> bytes:
    """A hash of the code of these packages: what they make is kept under it."""
    code = hashlib.sha256()
    for package in packages:
        for file in sorted(resources.files(package).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                code.update(file.read_bytes())
    return code.digest()


def _sum(data: bytes | memoryview) -> bytes:
    return zlib.crc32(data).to_bytes(_SUMMED, "big")


def _make_room(folder: Path, keep: Path) -> None:
    """Remove what was used longest ago, until the rest fits."""
    files = sorted(_sizes(folder), reverse=True)
    held = 0
    for _, size, path in files:
        held += size
        if held > MOST and path != keep:
            with contextlib.suppress(OSError):
                path.unlink()


def _sizes(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Time of last use, bytes and path of everything in the folder."""
    with os.scandir(folder) as found:
        for each in found:
            with contextlib.suppress(OSError):
                status = each.stat()
                yield status.st_mtime, status.st_size, Path(each.path)
