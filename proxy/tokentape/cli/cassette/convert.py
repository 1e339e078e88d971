"""`tokentape cassette convert`: the same recordings, laid out in another way."""

from __future__ import annotations

from typing import Any

import click

from tokentape.cli.options import options


@click.command(short_help="Lay cassettes out in another way.")
@click.argument("cassettes", nargs=-1, required=True, metavar="CASSETTE...")
@options("cassette convert")
def convert(cassettes: tuple[str, ...], **flags: Any) -> None:
    """Lay cassettes out anew, there and back: --layout says how. No body changes by a byte.

    CASSETTE is a file, or a folder of them.
    """
    from tokentape.cli.asking.out import working
    from tokentape.cli.cassette.files import content, files, layout_of, loaded, written
    from tokentape.cli.settings import load_here
    from tokentape.recorder.cassette.layout import Layout
    from tokentape.recorder.cassette.store import Options

    wanted = Layout(load_here(flags, "cassette convert").layout)
    with working("Converting"):
        for path in files(cassettes):
            if layout_of(path, content(path)) is not wanted:
                written(loaded(path), path, Options(layout=wanted, verbatim=True), overwrite=True)
                click.echo(f"{path}: {wanted}", err=True)
