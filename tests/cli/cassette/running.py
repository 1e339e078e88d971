"""The cassette commands, run in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from tokentape.cli.main import main
from tokentape.recorder.cassette.interaction import Cassette, Interaction
from tokentape.recorder.cassette.store import save

if TYPE_CHECKING:
    from pathlib import Path


def run(command: str, *arguments: object) -> Result:
    """A command and its arguments; stdout and stderr apart."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["cassette", command, *map(str, arguments)])


def kept(path: Path, *interactions: Interaction) -> Path:
    """A cassette with these interactions."""
    save(Cassette(interactions=interactions), path)
    return path
