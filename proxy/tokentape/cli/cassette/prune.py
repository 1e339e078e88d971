"""`tokentape cassette prune`: a cassette without what nobody plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.recorder.editing.played import Played


@click.command(short_help="Take out what no replay asked for.")
@click.argument("cassette")
@click.argument("reports", nargs=-1, metavar="[REPORT...]")
@options("cassette prune")
def prune(cassette: str, reports: tuple[str, ...], **flags: Any) -> None:
    """Take out of a cassette what no replay asked for, as play reports tell.

    A REPORT is what a replay wrote about one cassette; by default the file NAME.played.json beside it. With
    several, what any of them played is kept.
    """
    from pathlib import Path

    from tokentape.cli.cassette.files import content, counted, layout_of, loaded, written
    from tokentape.cli.errors import FailedError
    from tokentape.cli.settings import load_here
    from tokentape.recorder.cassette.store import Options
    from tokentape.recorder.editing.errors import EditingError
    from tokentape.recorder.editing.played import SUFFIX, pruned

    settings = load_here(flags, "cassette prune")
    path = Path(cassette)
    whole, data = loaded(path), content(path)
    named = [Path(report) for report in reports] or [path.with_name(path.stem + SUFFIX)]
    try:
        rest = pruned(whole, data, [(str(report), _report(report)) for report in named])
    except EditingError as error:
        raise FailedError(str(error)) from None
    before, after = len(whole.interactions), len(rest.interactions)
    if not settings.dry_run and after < before:
        options = Options(layout=layout_of(path, data), verbatim=True)
        written(rest, path, options, overwrite=True)
    would = "would be " if settings.dry_run else ""
    click.echo(f"{path}: {before - after:,} of {counted(before, 'interaction')} {would}taken out", err=True)


def _report(path: Path) -> Played:
    from tokentape.cli.cassette.files import content
    from tokentape.recorder.editing.played import read_report

    return read_report(content(path), str(path))
