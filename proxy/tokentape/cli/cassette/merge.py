"""`tokentape cassette merge`: several cassettes as one."""

from __future__ import annotations

from typing import Any

import click

from tokentape.cli.options import options


@click.command(short_help="Make one cassette of several.")
@click.argument("cassettes", nargs=-1, required=True, metavar="CASSETTE...")
@click.argument("target")
@options("cassette merge")
def merge(cassettes: tuple[str, ...], target: str, **flags: Any) -> None:
    """Write the interactions of all cassettes into TARGET, in the order in which they are named.

    A recording that comes twice is written once. No body changes.
    """
    from pathlib import Path

    from tokentape.cli.asking.out import working
    from tokentape.cli.cassette.files import counted, files, loaded, written
    from tokentape.cli.errors import UsageError
    from tokentape.cli.settings import load_here
    from tokentape.recorder.cassette.layout import Layout
    from tokentape.recorder.cassette.store import Options
    from tokentape.recorder.editing.merging import merged

    settings = load_here(flags, "cassette merge")
    paths = files(cassettes)
    if Path(target).resolve() in {path.resolve() for path in paths}:
        raise UsageError(f"{target} is one of the cassettes to merge: name another file.")
    with working("Merging"):
        found = [loaded(path) for path in paths]
        whole = merged(found)
        options = Options(layout=Layout(settings.layout), verbatim=True)
        written(whole, Path(target), options, overwrite=settings.overwrite)
    before, after = sum(len(one.interactions) for one in found), len(whole.interactions)
    twice = f", {before - after:,} of them twice" if before > after else ""
    count = f"{counted(before, 'interaction')} of {counted(len(found), 'cassette')}"
    click.echo(f"{target}: {count}{twice}", err=True)
