"""Which cassettes are served under which names.

A file is called by its name without the suffix, and `NAME=PATH` calls it otherwise. A folder stands for
all cassettes below it, each called by its path in the folder without the suffix.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tokentape.recorder.editing.played import SUFFIX as PLAY_REPORT

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIXES: Final = (".yaml", ".yml", ".json", ".yaml.gz", ".yml.gz", ".json.gz")
_MEDIA: Final = ".media"
"""The end of the folder beside a cassette that holds its media (`tokentape.recorder.cassette.beside`)."""


class NamingError(Exception):
    """What was named cannot be served. Its text is one sentence for the user."""


def named_paths(arguments: Iterable[str]) -> dict[str, Path]:
    """The cassettes of these arguments, by name.

    Raises:
        NamingError: one is missing, a folder holds none, or two have one name.
    """
    found: dict[str, Path] = {}
    for argument in arguments:
        for name, path in _named(argument):
            if name in found and not found[name].samefile(path):
                raise NamingError(
                    f"Two cassettes are called {name}: {found[name]} and {path}: "
                    "call one otherwise, as NAME=PATH."
                )
            found[name] = path
    return found


def _named(argument: str) -> list[tuple[str, Path]]:
    path = Path(argument)
    if path.is_dir():
        return _below(path)
    if path.is_file():
        return [(_without_suffix(path.name), path)]
    name, equals, rest = argument.partition("=")
    if name and equals and Path(rest).is_file():
        return [(name, Path(rest))]
    missing = rest if equals else argument
    raise NamingError(
        f"There is no cassette {missing}: record it with `tokentape record {missing} -- COMMAND`."
    )


def _below(folder: Path) -> list[tuple[str, Path]]:
    found = [(path.relative_to(folder), path) for path in sorted(folder.rglob("*")) if path.is_file()]
    cassettes = [(_without_suffix(name.as_posix()), path) for name, path in found if _is_cassette(name)]
    if not cassettes:
        raise NamingError(f"The folder {folder} holds no cassette: name one that holds .yaml or .json files.")
    return cassettes


def _is_cassette(path: Path) -> bool:
    """By its name: neither hidden, nor the report of a replay, nor a cassette's media."""
    beside = any(part.startswith(".") or part.endswith(_MEDIA) for part in path.parts)
    return path.name.endswith(SUFFIXES) and not path.name.endswith(PLAY_REPORT) and not beside


def _without_suffix(name: str) -> str:
    ending = next((ending for ending in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(ending)), "")
    return name.removesuffix(ending) if ending else Path(name).with_suffix("").as_posix()
