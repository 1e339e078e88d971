"""Write what each command says of itself into the page: `python -m tests.support.cassette_page FILE`.

The file is docs/cassette-commands.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from tokentape.cli.cassette.group import cassette

BEGIN: Final = (
    "<!-- commands: written by `python -m tests.support.cassette_page docs/cassette-commands.md` -->\n"
)
END: Final = "<!-- end of commands -->\n"


def sections() -> str:
    """All commands, a section each."""
    return "\n".join(_section(name, command) for name, command in cassette.commands.items())


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"tokentape cassette {name}", max_content_width=100)
    usage = command.get_usage(context).removeprefix("Usage: ").replace("\n", " ")
    options = [
        f"- `{option.opts[0]}`: {option.help}\n"
        for option in command.params
        if isinstance(option, click.Option) and option.help and "--help" not in option.opts
    ]
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    return f"## {name}\n\n```sh\n{usage}\n```\n\n{text}\n{'' if not options else chr(10)}{''.join(options)}"


def renewed(page: str) -> str:
    """A page with the sections in it as they are now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{sections()}{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
