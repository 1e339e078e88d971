"""Where answers go: a terminal as wide as it is, or a pipe as wide as it must be."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_WIDE: Final = 240


def console(*, stderr: bool = False) -> Console:
    """A console that cuts nothing off in a pipe."""
    made = Console(highlight=False, stderr=stderr)
    return made if made.is_terminal else Console(highlight=False, stderr=stderr, width=_WIDE)


def working(on: str) -> AbstractContextManager[Any]:
    """A context that shows on a terminal what is being done; in a pipe it is quiet."""
    made = Console(stderr=True)
    return made.status(on) if made.is_terminal else contextlib.nullcontext()
