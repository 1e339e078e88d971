"""`tokentape cassette diff`: what changed from one recording to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.recorder.editing.difference import Difference


@click.command(short_help="What differs between two cassettes.")
@click.argument("old")
@click.argument("new")
@options("cassette diff")
def diff(old: str, new: str, **flags: Any) -> None:
    """Compare two cassettes event by event; the exit status is 1 if they differ.

    What differs between any two recordings is left out: padding and pings, ids, signatures, headers and
    times.
    """
    from pathlib import Path

    from tokentape.cli.asking.out import working
    from tokentape.cli.cassette.files import loaded
    from tokentape.cli.settings import load_here
    from tokentape.recorder.editing.difference import differences

    load_here(flags, "cassette diff")
    with working("Comparing"):
        found = list(differences(loaded(Path(old)), loaded(Path(new))))
    for difference in found:
        for line in _lines(difference):
            click.echo(line)
    click.get_current_context().exit(int(bool(found)))


def _lines(difference: Difference) -> Iterator[str]:
    from tokentape.cli.cassette.view import plain

    yield _where(difference)
    if difference.before is not None:
        yield f"  - {plain(difference.before)}"
    if difference.after is not None:
        yield f"  + {plain(difference.after)}"


def _where(difference: Difference) -> str:
    if difference.new is None:
        return f"interaction {difference.old}: only in the old cassette"
    if difference.old is None:
        return f"interaction {difference.new}: only in the new cassette"
    moved = "" if difference.old == difference.new else f" (now {difference.new})"
    return f"interaction {difference.old}{moved}: {difference.path}"
