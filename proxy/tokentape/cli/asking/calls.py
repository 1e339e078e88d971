"""`tokentape calls`: single calls out of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import click
import msgspec

from tokentape.cli.options import options

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from datetime import tzinfo

    from tokentape.proxy.ledger.listing import Sort
    from tokentape.proxy.ledger.reader import Reader
    from tokentape.proxy.ledger.rows import Recorded
    from tokentape.proxy.ledger.selection import Selection

_PERIOD: Final = 0.5
"""Seconds between two looks of --follow."""


@click.command(short_help="Single calls, with what each cost.")
@options("calls")
def calls(**flags: Any) -> None:
    """List calls: tokens by kind, hit ratio, USD, time to first token, duration, how it ended, request id.

    The newest come last. JSON is an object a line.
    """
    from zoneinfo import ZoneInfo

    from tokentape.cli.asking.question import answers, open_ledger, selection
    from tokentape.cli.settings import load_here
    from tokentape.proxy.ledger.listing import listing, newest_id

    settings = load_here(flags, "calls")
    of = selection(settings)
    if settings.session:
        of = msgspec.structs.replace(of, where={**of.where, "session": settings.session})
    with answers():
        reader = open_ledger(settings)
        after = newest_id(reader) if settings.follow else 0
        found = listing(reader, of=of, sort=cast("Sort", settings.sort), limit=settings.limit)
        zone = ZoneInfo(settings.timezone)
        _show(found[::-1] if settings.sort == "time" else found, settings.format, zone)
        if settings.follow:
            fresh = unseen(reader, after, of, {recorded.id for recorded in found})
            _follow(fresh, settings.format, zone)


def _show(found: Sequence[Recorded], shape: str, zone: tzinfo, *, header: bool = True) -> None:
    from tokentape.cli.asking import calls_view
    from tokentape.cli.asking.out import console, print_whole

    if shape == "csv":
        click.echo(calls_view.as_csv(found, zone, header=header), nl=False)
    elif shape == "json":
        click.echo(calls_view.as_lines(found, zone), nl=False)
    elif header:
        print_whole(console(), calls_view.table(found, zone))
    else:
        for recorded in found:
            click.echo(calls_view.line(recorded, zone))


def unseen(reader: Reader, after: int, of: Selection, shown: Container[int]) -> Iterator[list[Recorded]]:
    """What is new at each look, without end: behind the id `after`, less what is `shown` already."""
    from tokentape.proxy.ledger.listing import following

    while True:
        fresh = following(reader, after, of=of)
        after = fresh[-1].id if fresh else after
        yield [recorded for recorded in fresh if recorded.id not in shown]


def _follow(looks: Iterator[list[Recorded]], shape: str, zone: tzinfo) -> None:
    import time

    try:
        while True:
            time.sleep(_PERIOD)
            if fresh := next(looks):
                _show(fresh, shape, zone, header=False)
    except KeyboardInterrupt:
        return
