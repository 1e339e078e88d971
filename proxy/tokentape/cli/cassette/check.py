"""`tokentape cassette check`: no secret, and nothing broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tokentape.recorder.scrubbing.policy import Policy


@click.command(short_help="Look for secrets and broken files.")
@click.argument("cassettes", nargs=-1, required=True, metavar="CASSETTE...")
@options("cassette check")
def check(cassettes: tuple[str, ...], **flags: Any) -> None:
    """Look for secrets in cassettes, and for broken files; the exit status is 1 if there are any.

    CASSETTE is a file, or a folder of them. Credentials, tokens of well-known shapes, cookies, and ids of
    organisations, workspaces and users are secrets, and so is whatever the table `redact` of the
    configuration names. Of each, a few characters are shown.
    """
    from tokentape.cli.asking.out import working
    from tokentape.cli.cassette.files import counted, files, policy
    from tokentape.cli.settings import load_here

    rules = policy(load_here(flags, "cassette check"))
    paths = files(cassettes)
    count = 0
    with working(f"Checking {counted(len(paths), 'file')}"):
        for path in paths:
            for line in _findings(path, rules):
                click.echo(f"{path}: {line}")
                count += 1
    said = counted(count, "finding") if count else "nothing found"
    click.echo(f"{counted(len(paths), 'file')}: {said}.", err=True)
    click.get_current_context().exit(int(count > 0))


def _findings(path: Path, policy: Policy) -> Iterator[str]:
    from tokentape.recorder.cassette.errors import CassetteError
    from tokentape.recorder.cassette.store import load
    from tokentape.recorder.scrubbing.check import find_leaks

    try:
        cassette = load(path)
    except CassetteError as error:
        yield f"broken: {error}"
        return
    for leak in find_leaks(cassette, policy):
        yield f"interaction {leak.interaction}, {leak.place}: {leak.kind}: {leak.sample}"
