"""`tokentape cassette import`: what other tools recorded, as cassettes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.cli.options import Settings


@click.command("import", short_help="Make cassettes of other tools' recordings.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.argument("cassette", metavar="CASSETTE")
@options("cassette import")
def import_(sources: tuple[str, ...], cassette: str, **flags: Any) -> None:
    """Make a cassette of a file that another tool recorded, with secrets redacted.

    SOURCE is a cassette of vcrpy, in any of its layouts and gzipped or not, a HAR, or a file of mitmproxy's
    flows. CASSETTE is a file; where it is a folder, each SOURCE becomes a cassette in it. What is no call to
    the API is left out.
    """
    from pathlib import Path

    from tokentape.cli.asking.out import working
    from tokentape.cli.errors import UsageError
    from tokentape.cli.settings import load_here

    settings = load_here(flags, "cassette import")
    target = Path(cassette)
    if len(sources) > 1 and not target.is_dir():
        raise UsageError(
            f"{target} is no folder: name one for several sources, or merge their cassettes later."
        )
    with working("Importing"):
        for source in map(Path, sources):
            _import(source, _place(source, target), settings)


def _place(source: Path, target: Path) -> Path:
    if not target.is_dir():
        return target
    return target / f"{source.name.removesuffix('.gz').rpartition('.')[0] or source.name}.yaml"


def _import(source: Path, target: Path, settings: Settings) -> None:
    from tokentape.cli.cassette.files import content, counted, policy, written
    from tokentape.cli.errors import FailedError
    from tokentape.recorder.cassette.layout import Layout
    from tokentape.recorder.cassette.store import Options
    from tokentape.recorder.importing.errors import ImportingError
    from tokentape.recorder.importing.source import import_source

    try:
        found = import_source(content(source), str(source), policy(settings))
    except ImportingError as error:
        raise FailedError(str(error)) from None
    if not found.cassette.interactions:
        raise FailedError(f"{source} holds no call to the API that a cassette keeps, so nothing was written.")
    options = Options(layout=Layout(settings.layout))
    written(found.cassette, target, options, overwrite=settings.overwrite)
    count = counted(len(found.cassette.interactions), "interaction")
    click.echo(f"{target}: {count} from {source}", err=True)
    for request, times in Counter(found.left_out).most_common(_SHOWN):
        click.echo(f"  left out: {request}{f', {times:,} times' if times > 1 else ''}", err=True)
    if (more := len(set(found.left_out)) - _SHOWN) > 0:
        click.echo(f"  and {more:,} others", err=True)


_SHOWN = 10
"""Requests that were left out, of which each is named."""
