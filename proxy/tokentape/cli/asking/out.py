"""Where answers go: a terminal as wide as it is, or a pipe as wide as it must be."""

from __future__ import annotations

from typing import Final

from rich.console import Console

_WIDE: Final = 240


def console(*, stderr: bool = False) -> Console:
    """A console that cuts nothing off in a pipe."""
    made = Console(highlight=False, stderr=stderr)
    return made if made.is_terminal else Console(highlight=False, stderr=stderr, width=_WIDE)
