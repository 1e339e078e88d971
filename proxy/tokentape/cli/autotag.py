"""Labels that say where a command ran, read from a git repository (gitrepository-layout(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BRANCH = "ref: refs/heads/"


def git_labels(folder: Path) -> list[str]:
    """`project=` the name of the repository's folder, and `branch=`; nothing outside a repository."""
    for place in (folder, *folder.parents):
        entry = place / ".git"
        if entry.exists():
            branch = _branch(entry)
            named = [f"project={place.name}"] if place.name else []
            return [*named, f"branch={branch}"] if branch else named
    return []


def _branch(entry: Path) -> str:
    """The branch that is checked out; empty for a detached head."""
    try:
        if entry.is_file():  # A worktree or submodule: the file names the folder.
            entry = entry.parent / entry.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (entry / "HEAD").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
    return head.removeprefix(_BRANCH) if head.startswith(_BRANCH) else ""


def labelled(base_url: str, labels: Iterable[str]) -> str:
    """A base_url with `key=value` labels in its first path segment; of equal keys the last counts."""
    segment = label_text(labels)
    return f"{base_url}/@{segment}" if segment else base_url


def label_text(labels: Iterable[str]) -> str:
    """The same labels as the text of a segment, empty where there are none."""
    pairs = (label.partition("=") for label in labels)
    last = {key: quote(value, safe="") for key, _, value in pairs}
    return ",".join(f"{key}={value}" for key, value in last.items())
