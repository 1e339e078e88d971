"""What the commands that ask a ledger have in common: which ledger, which calls, and what can go wrong."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from tokentape.cli.asking.names import dimension
from tokentape.cli.asking.spans import moment, month
from tokentape.cli.errors import FailedError, UsageError
from tokentape.proxy.ledger.dimensions import UnknownDimensionError
from tokentape.proxy.ledger.errors import LedgerError
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from tokentape.cli.options import Settings


@contextlib.contextmanager
def answers() -> Generator[None]:
    """A context in which what is wrong with a ledger is told as an error of the command."""
    try:
        yield
    except UnknownDimensionError as error:
        raise UsageError(str(error)) from None
    except LedgerError as error:
        raise FailedError(str(error)) from None


def open_ledger(settings: Settings) -> Reader:
    """The ledger that was named.

    Raises:
        FailedError: there is none.
    """
    if settings.ledger == "none":
        raise FailedError("--ledger none keeps no calls: name a ledger that does.")
    with answers():
        return Reader(locate(settings.ledger))


def one_span(settings: Settings, flags: Mapping[str, Any]) -> Settings:
    """The settings less those that name another span of time than the flags do."""
    by_month, by_ends = flags.get("month"), flags.get("since") or flags.get("until")
    if by_month and not by_ends:
        return msgspec.structs.replace(settings, since="", until="")
    return msgspec.structs.replace(settings, month="") if by_ends and not by_month else settings


def selection(settings: Settings, *, since: str = "") -> Selection:
    """Which calls are asked for; `since` where nobody says from when.

    Raises:
        UsageError: a time is none, or the span has no length.
    """
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    conditions = dict(map(_condition, settings.where))
    if settings.month:
        if settings.since or settings.until:
            raise UsageError("--month is a span by itself: leave out --since and --until.")
        first, end = month(settings.month, zone)
        return Selection(since=first, until=end, where=conditions)
    begin = settings.since or ("" if settings.until else since)
    start = moment(begin, "--since", zone, now) if begin else None
    stop = moment(settings.until, "--until", zone, now) if settings.until else None
    if start is not None and stop is not None and start >= stop:
        raise UsageError(
            f"--since {settings.since} is not before --until {settings.until}: exchange the two, "
            "or leave one out."
        )
    return Selection(since=start, until=stop, where=conditions)


def _condition(text: str) -> tuple[str, str | None]:
    name, _, value = text.partition("=")
    return dimension(name), value or None
