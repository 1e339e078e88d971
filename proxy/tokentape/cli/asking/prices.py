"""`tokentape prices`: the price table in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from tokentape.proxy.pricing.bill import LineKind
    from tokentape.proxy.pricing.book import PriceBook


@click.command(short_help="The price table in use.")
@click.argument("action", type=click.Choice(["list", "update"]), default="list")
@click.option("--format", "shape", type=click.Choice(["table", "json", "csv"]), default="table")
@options("prices")
def prices(*, action: str, shape: str, **flags: Any) -> None:
    """List today's prices: USD for a million tokens, and for 1,000 web searches, after your own discounts."""
    from tokentape.cli.settings import load_here
    from tokentape.proxy.pricing.book import open_book
    from tokentape.proxy.pricing.overrides import parse_overrides

    settings = load_here(flags, "prices")
    if action == "update":
        _update()
    _show(open_book(parse_overrides(settings.prices)), shape)


def _update() -> None:
    """The table is a part of the package genai-prices, so that what a bill says can be looked up for good."""
    from tokentape.cli.errors import FailedError

    raise FailedError(
        "The price table comes with the package genai-prices: "
        "pip install --upgrade genai-prices brings a newer one."
    )


def _show(book: PriceBook, shape: str) -> None:
    import csv
    import io
    import time

    import msgspec

    from tokentape.proxy.pricing.rates import KINDS

    now = time.time()  # noqa: TID251 - today's prices, by the wall clock
    listed = {model: book.list_prices(model, now) for model in book.models}
    if shape == "table":
        _table(book, listed)
    elif shape == "csv":
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["model", *(kind.value for kind in KINDS)])
        writer.writerows(
            [model, *(f"{found[kind]:f}" if kind in found else "" for kind in KINDS)]
            for model, found in listed.items()
        )
        click.echo(out.getvalue(), nl=False)
    else:
        whole = {"date": book.date, "fingerprint": book.fingerprint, "models": listed}
        encoded = msgspec.json.Encoder(decimal_format="number").encode(whole)
        click.echo(msgspec.json.format(encoded, indent=2))


def _table(book: PriceBook, listed: dict[str, dict[LineKind, Any]]) -> None:
    from rich import box
    from rich.table import Table

    from tokentape.cli.asking.out import console
    from tokentape.proxy.pricing.rates import KINDS

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold cyan")
    shown.add_column("model", no_wrap=True)
    for kind in KINDS:
        shown.add_column(kind.value.replace("_", " "), justify="right")
    for model, found in listed.items():
        shown.add_row(model, *(f"{found[kind].normalize():f}" if kind in found else "" for kind in KINDS))
    out = console()
    out.print(shown)
    out.print(f"\nprices of {book.date}, fingerprint {book.fingerprint}")
