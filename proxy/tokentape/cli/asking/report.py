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
@click.option("--since", metavar="TIME", help="From when: 7d, 24h, 2026-11-01. Default: 7d.")
@click.option("--until", metavar="TIME", help="Up to when, not included. Default: now.")
@click.option("--month", metavar="YYYY-MM", help="One month of --timezone, instead of --since and --until.")
@click.option(
    "--by",
    default="model",
    metavar="NAME,...",
    help="What to break it down by: month, day, hour, model, project, endpoint, status, stop_reason, client, "
    "credential, user, session, batch, outcome, engine, bill, or label:NAME; any other NAME is a label's. "
    "Default: model.",
)
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="Only these calls. May be repeated.")
@click.option(
    "--what-if", "model", metavar="MODEL", help="Also what the same tokens would cost at this model."
)
@click.option("--format", "shape", type=click.Choice(["table", "json", "csv"]), default="table")
@options("report")
def report(  # noqa: PLR0913 - one parameter an option
    *,
    since: str | None,
    until: str | None,
    month: str | None,
    by: str,
    where: tuple[str, ...],
    model: str | None,
    shape: str,
    **flags: Any,
) -> None:
    """Sum up what the ledger holds: calls, tokens by kind, cost.

    USD leaves out what has no price, and what a subscription paid; both have columns of their own.
    """
    from tokentape.cli.asking.question import answers, open_ledger, selection
    from tokentape.cli.settings import load_here

    settings = load_here(flags, "report")
    since = since or (None if month or until else "7d")
    of = selection(settings, since=since, until=until, of_month=month, where=where)
    with answers():
        reader = open_ledger(settings)
        found = _summed(reader, of, by, settings)
        other = _what_if(reader, of, found, model, settings) if model else None
    show(found, other, model or "", shape)


def _summed(reader: Reader, of: Selection, by: str, settings: Settings) -> Report:
    from zoneinfo import ZoneInfo

    from tokentape.cli.asking.names import dimension
    from tokentape.proxy.ledger.queries import report as summed

    names = tuple(dimension(name.strip()) for name in by.split(",") if name.strip())
    return summed(reader, of=of, by=names, zone=ZoneInfo(settings.timezone))


def _what_if(
    reader: Reader, of: Selection, found: Report, model: str, settings: Settings
) -> dict[Key, WhatIf]:
    from zoneinfo import ZoneInfo

    from tokentape.cli.asking.keys import keys_of
    from tokentape.cli.asking.whatif import book_for, what_if, with_progress

    book = book_for(model, settings.prices, found.until.timestamp())
    calls = with_progress(reader, of, found.total.calls)
    return what_if(calls, model, book, keys_of(found.by, ZoneInfo(settings.timezone)))


def show(found: Report, other: dict[Key, WhatIf] | None, model: str, shape: str) -> None:
    """Print a report."""
    from tokentape.cli.asking import report_view
    from tokentape.cli.asking.out import console

    if shape == "csv":
        click.echo(report_view.as_csv(found, other), nl=False)
    elif shape == "json":
        click.echo(report_view.as_json(found, other))
    else:
        out = console()
        out.print(report_view.table(found, other, model))
        out.print(f"\n{found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC")
