"""`tokentape cassette stats`: what is in cassettes, in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from tokentape.cli.options import Settings
    from tokentape.recorder.editing.statistics import Statistics


@click.command(short_help="Calls, tokens, USD and repeated prompts of cassettes.")
@click.argument("cassettes", nargs=-1, required=True, metavar="CASSETTE...")
@options("cassette stats")
def stats(cassettes: tuple[str, ...], **flags: Any) -> None:
    """Sum up calls, tokens and what they cost, by endpoint and model, and how much of the requests repeats.

    CASSETTE is a file, or a folder of them; all are summed up together.
    """
    from tokentape.cli.settings import load_here

    settings = load_here(flags, "cassette stats")
    _show(_statistics(cassettes, settings), settings.format)


def _statistics(cassettes: tuple[str, ...], settings: Settings) -> Statistics:
    import time

    from tokentape.cli.asking.out import working
    from tokentape.cli.cassette.files import files, loaded
    from tokentape.cli.price_table import open_prices
    from tokentape.proxy.pricing.overrides import parse_overrides
    from tokentape.recorder.editing.statistics import statistics

    with working("Reading"):
        found = [one for path in files(cassettes) for one in loaded(path).interactions]
        book = open_prices(parse_overrides(settings.prices))
        return statistics(found, book, time.time())  # noqa: TID251 - today's prices for what has no date


def _show(found: Statistics, shape: str) -> None:
    from tokentape.cli.asking.out import console
    from tokentape.cli.cassette import stats_view

    if shape == "json":
        click.echo(stats_view.as_json(found))
    elif shape == "csv":
        click.echo(stats_view.as_csv(found), nl=False)
    else:
        made = console()
        made.print(stats_view.table(found))
        for line in stats_view.remarks(found):
            made.print(line)
