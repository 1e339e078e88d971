"""Cassettes whose tests are gone: found beside the modules that were collected, where all of them were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.recorder.testing.naming import SUFFIX, folder_of, name_of
from tokentape.recorder.testing.running import MARKER, shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

_SUFFIXES = (".yaml", ".yml", ".json")
_OTHERS = ("vcr", "default_cassette")
"""Markers of pytest-recording: a folder that it uses, too, is none of our business."""


def orphans(items: Iterable[pytest.Item]) -> list[str]:
    """The cassettes in the folders of marked tests that no collected test has; as short as can be said."""
    claimed: dict[Path, set[str]] = {}
    foreign: set[Path] = set()
    for item in items:
        folder = folder_of(item.path)
        if any(item.get_closest_marker(name) for name in _OTHERS):
            foreign.add(folder)
        owner = getattr(item, "cls", None)
        names = {name_of(item.name, owner.__name__ if owner else "")}
        for marker in item.iter_markers(MARKER):
            names.update(map(str, [*marker.args, marker.kwargs.get("cassette", "")]))
        claimed.setdefault(folder, set()).update(names)
    return [
        shown(path)
        for folder, names in claimed.items()
        if folder not in foreign and folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix in _SUFFIXES
        and path.name not in names
        and path.name.removesuffix(SUFFIX) not in names
        and not path.name.endswith(".played.json")
    ]
