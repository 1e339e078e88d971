"""`tokentape prices`: the price table in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from decimal import Decimal

    from tokentape.cli.options import Settings
    from tokentape.proxy.pricing.bill import LineKind
    from tokentape.proxy.pricing.book import PriceBook

    Listed = dict[str, dict[LineKind, Decimal]]


@click.command(short_help="The price table in use.")
@click.argument("action", type=click.Choice(["list", "update"]), default="list")
@options("prices")
def prices(*, action: str, **flags: Any) -> None:
    """List today's prices: USD for a million tokens, and for 1,000 web searches, after your own discounts.

    With `update`, fetch the newest table first and keep it for all commands; nothing else here uses a
    network. A proxy that is running takes it up when it starts again.
    """
    from tokentape.cli.price_table import open_prices
    from tokentape.cli.settings import load_here
    from tokentape.proxy.pricing.overrides import parse_overrides

    settings = load_here(flags, "prices")
    overrides = parse_overrides(settings.prices)
    before = open_prices(overrides) if action == "update" else None
    if before is not None:
        _update(settings)
    book = open_prices(overrides)
    _show(book, _listed(book), settings.format)
    if before is not None:
        click.echo(f"Before: {_name(before)}. {_changes(_listed(before), _listed(book))}.", err=True)


def _update(settings: Settings) -> None:
    from tokentape.cli.asking.out import working
    from tokentape.cli.price_update import update_prices

    with working(f"Fetching {settings.price_url}"):
        update_prices(settings.price_url)


def _listed(book: PriceBook) -> Listed:
    import time

    now = time.time()  # noqa: TID251 - today's prices, by the wall clock
    return {model: book.list_prices(model, now) for model in book.models}


def _name(book: PriceBook) -> str:
    return f"prices of {book.date}, fingerprint {book.fingerprint}"


def _changes(before: Listed, after: Listed) -> str:
    new = sorted(after.keys() - before.keys())
    changed = sorted(model for model in before.keys() & after.keys() if before[model] != after[model])
    told = [f"{what}: {', '.join(models)}" for what, models in (("new", new), ("changed", changed)) if models]
    return "; ".join(told) or "No price has changed"


def _show(book: PriceBook, listed: Listed, shape: str) -> None:
    import msgspec

    if shape == "table":
        _table(book, listed)
    elif shape == "csv":
        click.echo(_csv(listed), nl=False)
    else:
        whole = {"date": book.date, "fingerprint": book.fingerprint, "models": listed}
        encoded = msgspec.json.Encoder(decimal_format="number").encode(whole)
        click.echo(msgspec.json.format(encoded, indent=2))


def _csv(listed: Listed) -> str:
    import csv
    import io

    from tokentape.cli.asking.figures import cell
    from tokentape.proxy.pricing.rates import KINDS

    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["model", *(kind.value for kind in KINDS)])
    for model, found in listed.items():
        writer.writerow([cell(model), *_amounts(found)])
    return out.getvalue()


def _amounts(found: dict[LineKind, Decimal]) -> list[str]:
    from tokentape.proxy.pricing.rates import KINDS

    return [f"{found[kind].normalize():f}" if kind in found else "" for kind in KINDS]


def _table(book: PriceBook, listed: Listed) -> None:
    from rich import box
    from rich.table import Table

    from tokentape.cli.asking.out import console, print_whole
    from tokentape.proxy.pricing.rates import KINDS

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold cyan")
    shown.add_column("model", no_wrap=True)
    for kind in KINDS:
        shown.add_column(kind.value.replace("_", " "), justify="right")
    for model, found in listed.items():
        shown.add_row(model, *_amounts(found))
    out = console()
    print_whole(out, shown)
    out.print(f"\n{_name(book)}")
