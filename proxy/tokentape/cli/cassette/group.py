"""`tokentape cassette`: the group of commands that work on cassettes."""

from __future__ import annotations

import click

from tokentape.cli.cassette.check import check
from tokentape.cli.cassette.convert import convert
from tokentape.cli.cassette.diff import diff
from tokentape.cli.cassette.importing import import_
from tokentape.cli.cassette.merge import merge
from tokentape.cli.cassette.prune import prune
from tokentape.cli.cassette.show import show
from tokentape.cli.cassette.stats import stats


@click.group(short_help="Read, check, compare and make cassettes.")
def cassette() -> None:
    """Work on cassettes: files in vcrpy's format, whoever recorded them."""


for command in (show, check, diff, import_, convert, merge, prune, stats):
    cassette.add_command(command)
