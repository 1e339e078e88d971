"""Where answers go: a terminal as wide as it is, or a pipe as wide as it must be."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.measure import Measurement

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.table import Table

_WIDE: Final = 240


def console(*, stderr: bool = False) -> Console:
    """A console that cuts nothing off in a pipe."""
    made = Console(highlight=False, stderr=stderr)
    return made if made.is_terminal else Console(highlight=False, stderr=stderr, width=_WIDE)


def print_whole(out: Console, table: Table, narrow: Table | None = None) -> None:
    """Print a table; where the console is too narrow for it, `narrow`. Nothing is ever cut off."""
    chosen = table if narrow is None or _width(out, table) <= out.width else narrow
    out.width = max(out.width, _width(out, chosen))
    out.print(chosen)


def _width(out: Console, table: Table) -> int:
    return Measurement.get(out, out.options.update(max_width=10_000), table).maximum


def working(on: str) -> AbstractContextManager[Any]:
    """A context that shows on a terminal what is being done; in a pipe it is quiet."""
    made = Console(stderr=True)
    return made.status(on) if made.is_terminal else contextlib.nullcontext()
