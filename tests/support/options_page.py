"""Write the table of options into a page: `python -m tests.support.options_page docs/configuration.md`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tokentape.cli.options import BOARDS, CASSETTE, OPTIONS, default_text

if TYPE_CHECKING:
    from tokentape.cli.options import Option

BEGIN: Final = "<!-- options: written by `python -m tests.support.options_page docs/configuration.md` -->\n"
COMMANDS: Final = (
    "up",
    "run",
    "record",
    "demo",
    "replay",
    "doctor",
    "report",
    "calls",
    "prices",
    *sorted(CASSETTE),
    *sorted(BOARDS),
)
END: Final = "<!-- end of options -->\n"


def table() -> str:
    """All options, a row each."""
    rows = ["| flag, key, variable | commands | default | |", "|---|---|---|---|", *map(_row, OPTIONS)]
    return "\n".join(rows) + "\n"


def _row(option: Option) -> str:
    usage = f"`{option.flag}{f' {option.metavar}' if option.metavar else ''}`"
    names = f"{usage}<br>`{option.name}`<br>`{option.variable}`"
    default = default_text(option) or ("on" if option.default is True else "")
    commands = ", ".join(name for name in COMMANDS if name in option.commands)
    return f"| {names} | {commands} | {f'`{default}`' if default else ''} | {option.help} |"


def renewed(page: str) -> str:
    """A page with the table in it as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
