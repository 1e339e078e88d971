"""`tokentape report`: the ledger, summed and priced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from tokentape.cli.asking.keys import Key
    from tokentape.cli.asking.whatif import WhatIf
    from tokentape.cli.options import Settings
    from tokentape.proxy.ledger.reader import Reader
    from tokentape.proxy.ledger.report import Report
    from tokentape.proxy.ledger.selection import Selection


@click.command(short_help="What calls cost, summed.")
@options("report")
def report(**flags: Any) -> None:
    """Sum up what the ledger holds: calls, tokens by kind, cost.

    USD leaves out what has no price, and what a subscription paid; both have columns of their own.
    """
    from tokentape.cli.asking.question import answers, one_span, open_ledger, selection
    from tokentape.cli.settings import load_here

    settings = one_span(load_here(flags, "report"), flags)
    of = selection(settings, since="7d")
    with answers():
        reader = open_ledger(settings)
        found = _summed(reader, of, settings)
        other = _what_if(reader, of, found, settings) if settings.what_if else None
    show(found, other, settings)


def _summed(reader: Reader, of: Selection, settings: Settings) -> Report:
    from zoneinfo import ZoneInfo

    from tokentape.cli.asking.names import dimension
    from tokentape.cli.asking.out import working
    from tokentape.proxy.ledger.queries import report as summed

    names = tuple(dict.fromkeys(map(dimension, settings.by)))
    with working("Reading the ledger"):
        return summed(reader, of=of, by=names, zone=ZoneInfo(settings.timezone))


def _what_if(reader: Reader, of: Selection, found: Report, settings: Settings) -> dict[Key, WhatIf]:
    from zoneinfo import ZoneInfo

    from tokentape.cli.asking.keys import keys_of
    from tokentape.cli.asking.whatif import book_for, what_if, with_progress

    model = settings.what_if
    book = book_for(model, settings.prices, found.until.timestamp())
    calls = with_progress(reader, of, found.total.calls)
    return what_if(calls, model, book, keys_of(found.by, ZoneInfo(settings.timezone)))


def show(found: Report, other: dict[Key, WhatIf] | None, settings: Settings) -> None:
    """Print a report."""
    from zoneinfo import ZoneInfo

    from tokentape.cli.asking import report_view
    from tokentape.cli.asking.out import console, print_whole

    if settings.format == "csv":
        click.echo(report_view.as_csv(found, other), nl=False)
    elif settings.format == "json":
        click.echo(report_view.as_json(found, other))
    else:
        zone = ZoneInfo(settings.timezone)
        ends = (f"{end.astimezone(zone):%Y-%m-%d %H:%M}" for end in (found.since, found.until))
        out = console()
        print_whole(out, *report_view.tables(found, other, settings.what_if, zone))
        out.print(f"\n{' to '.join(ends)} {settings.timezone}")
        if told := report_view.beside(found.total):
            out.print(told)
