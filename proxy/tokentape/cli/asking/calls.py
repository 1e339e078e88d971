"""`tokentape calls`: single calls out of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import click

from tokentape.cli.options import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from tokentape.proxy.ledger.listing import Sort
    from tokentape.proxy.ledger.reader import Reader
    from tokentape.proxy.ledger.rows import Recorded
    from tokentape.proxy.ledger.selection import Selection

_PERIOD: Final = 0.5
"""Seconds between two looks of --follow."""


@click.command(short_help="Single calls, with what each cost.")
@click.option("--since", metavar="TIME", help="From when: 7d, 24h, 2026-11-01.")
@click.option("--until", metavar="TIME", help="Up to when, not included.")
@click.option("--session", metavar="ID", help="Only calls of this session.")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="Only these calls. May be repeated.")
@click.option(
    "--sort",
    type=click.Choice(["time", "cost", "ttft"]),
    default="time",
    help="The newest, the dearest, or the slowest to their first token. Default: time.",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, metavar="N", help="Default: 20.")
@click.option("--follow", is_flag=True, help="Go on with new calls as they are written, until Ctrl-C.")
@click.option("--format", "shape", type=click.Choice(["table", "json", "csv"]), default="table")
@options("calls")
def calls(  # noqa: PLR0913 - one parameter an option
    *,
    since: str | None,
    until: str | None,
    session: str | None,
    where: tuple[str, ...],
    sort: str,
    limit: int,
    follow: bool,
    shape: str,
    **flags: Any,
) -> None:
    """List calls: tokens by kind, hit ratio, USD, time to first token, duration, how it ended, request id.

    The newest come last. JSON is an object a line.
    """
    from zoneinfo import ZoneInfo

    from tokentape.cli.asking.question import answers, open_ledger, selection
    from tokentape.cli.settings import load_here
    from tokentape.proxy.ledger.listing import listing, newest_id

    settings = load_here(flags, "calls")
    conditions = (*where, f"session={session}") if session else where
    of = selection(settings, since=since, until=until, where=conditions)
    with answers():
        reader = open_ledger(settings)
        after = newest_id(reader) if follow else 0
        found = listing(reader, of=of, sort=cast("Sort", sort), limit=limit)
        zone = ZoneInfo(settings.timezone)
        _show(found[::-1] if sort == "time" else found, shape, zone)
        if follow:
            _follow(reader, after, of, shape, zone)


def _show(found: Sequence[Recorded], shape: str, zone: tzinfo, *, header: bool = True) -> None:
    from tokentape.cli.asking import calls_view
    from tokentape.cli.asking.out import console

    if shape == "csv":
        click.echo(calls_view.as_csv(found, zone, header=header), nl=False)
    elif shape == "json":
        click.echo(calls_view.as_lines(found, zone), nl=False)
    elif header:
        console().print(calls_view.table(found, zone))
    else:
        for recorded in found:
            click.echo("  ".join(filter(None, calls_view.row(calls_view.values(recorded, zone)))))


def _follow(reader: Reader, after: int, of: Selection, shape: str, zone: tzinfo) -> None:
    import time

    from tokentape.proxy.ledger.listing import following

    try:
        while True:
            time.sleep(_PERIOD)
            fresh = following(reader, after, of=of)
            if fresh:
                after = fresh[-1].id
                _show(fresh, shape, zone, header=False)
    except KeyboardInterrupt:
        return
