"""Cassette files as they are named on a command line."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.cli.errors import FailedError, UsageError
from tokentape.recorder.cassette.beside import folder
from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.store import Options, load, save
from tokentape.recorder.cassette.writing import ITERATED
from tokentape.recorder.editing.played import SUFFIX
from tokentape.recorder.scrubbing.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from tokentape.cli.options import Settings
    from tokentape.recorder.cassette.interaction import Cassette

_ENDINGS: Final = (".yaml", ".yml", ".json", ".yaml.gz", ".yml.gz", ".json.gz")


def files(arguments: Iterable[str]) -> list[Path]:
    """The files that are named, and those of the folders that are, in order.

    Raises:
        FailedError: a folder has none.
    """
    return [path for argument in arguments for path in _files(Path(argument))]


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    found = [path for path in sorted(place.rglob("*")) if _is_cassette(path) and path.is_file()]
    if not found:
        raise FailedError(f"{place} has no cassettes: no .yaml, .yml or .json files are in it.")
    return found


def _is_cassette(path: Path) -> bool:
    """By its name: no play report, nothing hidden, and no media that stand beside a cassette."""
    return (
        path.name.endswith(_ENDINGS)
        and not path.name.endswith(SUFFIX)
        and not path.name.startswith(".")
        and path.parent.suffix != ".media"
    )


def loaded(path: Path) -> Cassette:
    """The cassette in a file.

    Raises:
        FailedError: it cannot be read.
    """
    with told():
        return load(path)


def content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        FailedError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FailedError(f"{path} does not exist: check the path.") from None
    except OSError as error:
        raise FailedError(f"{path} cannot be read: {error.strerror}.") from None


def written(cassette: Cassette, path: Path, options: Options, *, overwrite: bool = False) -> None:
    """Write a cassette.

    Raises:
        UsageError: the file exists, and is not to be written over; or it is one that is not written.
        FailedError: it cannot be written.
    """
    if path.suffix == ".gz":
        raise UsageError(f"{path} would be gzipped, and cassettes are written plain: take .gz off its name.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists: add --overwrite to replace it, or name another file.")
    with told():
        save(cassette, path, options=options)


def layout_of(path: Path, data: bytes) -> Layout:
    """How a file is laid out; `data` is its content."""
    if folder(path).is_dir():
        return Layout.COMPACT
    return Layout.SHARED if ITERATED.encode() in data else Layout.READABLE


def policy(settings: Settings) -> Policy:
    """What is redacted, with the user's own rules."""
    return msgspec.convert(settings.redact, Policy)


def counted(number: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@contextlib.contextmanager
def told() -> Generator[None]:
    """A context in which what is wrong with a cassette is told as an error of the command."""
    try:
        yield
    except CassetteError as error:
        raise FailedError(str(error)) from None
