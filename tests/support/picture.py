"""Draw the picture of the demo that the README shows: `python -m tests.support.picture docs/images/demo.svg`.

It is a real run, recorded by rich. Fonts are left to the viewer, so that the picture loads nothing.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
from pathlib import Path

from rich.console import Console

from tokentape.cli.demo.play import play
from tokentape.cli.settings import load

_FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw(path: Path) -> None:
    """Run the demo once and write what it showed as SVG."""
    console = Console(
        record=True,
        file=io.StringIO(),
        width=80,
        force_terminal=True,
        force_interactive=False,
        color_system="truecolor",
        highlight=False,
    )
    console.print("[dim]$[/] tokentape demo --once")
    asyncio.run(play(load({"once": True}, {}, Path("/"), "demo"), console))
    svg = _FONT_FACES.sub("", console.export_svg(title="tokentape", unique_id="demo"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg.replace("Fira Code", "ui-monospace"), encoding="utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
