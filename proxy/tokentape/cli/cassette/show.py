"""`tokentape cassette show`: conversations, readable in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from tokentape.proxy.pricing.book import PriceBook


@click.command(short_help="Conversations, readable in a terminal.")
@click.argument("cassettes", nargs=-1, required=True, metavar="CASSETTE...")
@options("cassette show")
def show(cassettes: tuple[str, ...], **flags: Any) -> None:
    """Show what was said: turns, tools and their results, tokens, cost and times.

    A request repeats all that was said before it; only what is new is shown. Secrets that a cassette of
    another recorder may hold are not shown.
    """
    from tokentape.cli.asking.out import console, working
    from tokentape.cli.cassette.files import files
    from tokentape.cli.price_table import open_prices
    from tokentape.cli.settings import load_here
    from tokentape.proxy.pricing.overrides import parse_overrides

    settings = load_here(flags, "cassette show")
    paths = files(cassettes)
    with working("Reading"):
        book = open_prices(parse_overrides(settings.prices))
    for path in paths:
        _show(path, book, console(), full=settings.full)


def _show(path: Path, book: PriceBook, out: Console, *, full: bool) -> None:
    import time

    from tokentape.cli.cassette.files import counted, loaded
    from tokentape.cli.cassette.show_view import lines
    from tokentape.proxy.pricing.price import price
    from tokentape.recorder.editing.calls import understood
    from tokentape.recorder.editing.turns import turns_of

    cassette = loaded(path)
    now = time.time()  # noqa: TID251 - today's prices for what has no date
    out.print(f"{path}: {counted(len(cassette.interactions), 'interaction')}", style="bold", markup=False)
    for turn in turns_of(cassette.interactions):
        call = understood(turn.interaction, now)
        out.print()
        for line in lines(turn, call, price(call, book), full=full):
            out.print(line, soft_wrap=True)
