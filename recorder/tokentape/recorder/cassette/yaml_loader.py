"""A safe YAML loader that also knows the tags of cassettes.

vcrpy writes file-like and iterated request bodies under Python tags, which it reads without running
anything; Ruby writes `!binary`. All that is taken from them here is text and bytes.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import yaml

_PYTHON: Final = "tag:yaml.org,2002:python/"
ITERATED: Final = f"{_PYTHON}object/apply:builtins.iter"


@functools.cache
def loader() -> type[yaml.SafeLoader]:
    """The loader of libyaml, or Python's where libyaml is missing."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # one of two bases, chosen by what is installed
        """A loader of its own, so that no other user of yaml gets these tags."""

    for tag, constructor in _CONSTRUCTORS.items():
        Loader.add_constructor(tag, constructor)
    return Loader


def _binary(it: Any, node: Any) -> bytes:
    return bytes(it.construct_yaml_binary(node))


def _string(it: Any, node: Any) -> str:
    return str(it.construct_scalar(node))


def _list(it: Any, node: Any) -> list[Any]:
    return list(it.construct_sequence(node, deep=True))


def iterated(arguments: dict[Any, Any]) -> str | bytes:
    """The pieces of a body that was sent in pieces, joined."""
    pieces: list[list[Any]] = arguments.get("args") or [[]]
    return _joined(pieces[0])


def _iterated(it: Any, node: Any) -> str | bytes:
    return iterated(it.construct_mapping(node, deep=True))


def _file(it: Any, node: Any) -> str | bytes:
    """What a buffer held: the first part of its state."""
    state: list[Any] = it.construct_mapping(node, deep=True).get("state") or [b""]
    return _joined(state[:1])


def _joined(pieces: list[Any]) -> str | bytes:
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(pieces)
    return b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in pieces)


_CONSTRUCTORS = {
    "!binary": _binary,
    f"{_PYTHON}str": _string,
    f"{_PYTHON}unicode": _string,
    f"{_PYTHON}tuple": _list,
    ITERATED: _iterated,
    f"{_PYTHON}object/new:_io.BytesIO": _file,
}
