"""Cassette files: `load` one, `save` one, `claim` one for a whole recording, `convert` its layout."""

from __future__ import annotations

import contextlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tokentape.recorder.cassette import atomic, beside
from tokentape.recorder.cassette.cache import Entry, entry_for
from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.layout import Layout, laid_out
from tokentape.recorder.cassette.locking import locked
from tokentape.recorder.cassette.parsing import collector_off, parse
from tokentape.recorder.cassette.stored import stored
from tokentape.recorder.cassette.writing import json_text, yaml_text

if TYPE_CHECKING:
    import os
    from collections.abc import Generator

    from tokentape.recorder.cassette.interaction import Cassette
    from tokentape.recorder.cassette.media import Files


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a cassette is written."""

    layout: Layout = Layout.READABLE
    verbatim: bool = False
    """Keep bodies to the byte, instead of making them readable."""


DEFAULT = Options()


class Loaded(msgspec.Struct, frozen=True):
    """A cassette, and the place for what is derived from it."""

    cassette: Cassette
    entry: Entry


def load(path: str | os.PathLike[str]) -> Cassette:
    """The cassette in a file, YAML or JSON, ours or another recorder's.

    Raises:
        CassetteError: there is none, or it cannot be read.
    """
    return load_with_entry(path).cassette


def load_with_entry(path: str | os.PathLike[str], cache: Path | None = None) -> Loaded:
    """The cassette in a file, and its entry in the cache; `cache` is the user's folder unless given.

    Raises:
        CassetteError: as `load`.
    """
    place = Path(path)
    data = _read(place)
    entry = entry_for(data, cache)
    with collector_off():
        cassette = entry.cassette()
        if cassette is None:
            cassette = parse(data, str(place), lambda name: beside.content(place.resolve(), name))
            entry.keep(cassette)
    return Loaded(cassette, entry)


def save(cassette: Cassette, path: str | os.PathLike[str], *, options: Options = DEFAULT) -> None:
    """Write a cassette: JSON where the name ends in `.json`, else YAML. All of it, or nothing.

    Raises:
        CassetteBusyError: somebody else is writing it.
        CassetteError: it cannot be written.
    """
    with claim(path) as claimed:
        claimed.save(cassette, options=options)


class Claim:
    """The right to write one cassette, held from `claim` on."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, cassette: Cassette, *, options: Options = DEFAULT) -> None:
        """Write the cassette; any number of times.

        Raises:
            CassetteError: it cannot be written; the file is as it was.
        """
        text, files = written(cassette, as_json=self.path.suffix == ".json", options=options)
        try:
            beside.add(self.path, files)
            atomic.write(self.path, text.encode("ascii"))
            beside.keep_only(self.path, files)
        except OSError as error:
            raise CassetteError(f"{self.path} cannot be written: {error.strerror}.") from None


@contextmanager
def claim(path: str | os.PathLike[str]) -> Generator[Claim]:
    """Keep everybody else from writing this cassette meanwhile; its folder is made where it is missing.

    Raises:
        CassetteBusyError: somebody else is writing it.
        CassetteError: its folder cannot be written.
    """
    place = Path(path).resolve()
    with locked(place):
        for leftover in atomic.left_behind(place):
            with contextlib.suppress(OSError):
                leftover.unlink()
        yield Claim(place)


def convert(path: str | os.PathLike[str], layout: Layout) -> None:
    """Lay a cassette out anew. No body changes by a byte.

    Raises:
        CassetteBusyError: somebody else is writing it.
        CassetteError: it cannot be read or written.
    """
    with claim(path) as claimed:
        claimed.save(load(claimed.path), options=Options(layout=layout, verbatim=True))


def written(cassette: Cassette, *, as_json: bool = False, options: Options = DEFAULT) -> tuple[str, Files]:
    """The text of the file, and the contents of those beside it by name."""
    interactions = [stored(each, verbatim=options.verbatim) for each in cassette.interactions]
    found, files = laid_out(interactions, options.layout)
    return (json_text if as_json else yaml_text)(found, cassette.metadata), files


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except FileNotFoundError:
        raise CassetteError(f"{place} does not exist: record it first, or check the path.") from None
    except OSError as error:
        raise CassetteError(f"{place} cannot be read: {error.strerror}.") from None
