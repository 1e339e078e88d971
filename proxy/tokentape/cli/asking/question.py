"""What the commands that ask a ledger have in common: which ledger, which calls, and what can go wrong."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tokentape.cli.asking.spans import moment, month
from tokentape.cli.errors import FailedError, UsageError
from tokentape.proxy.ledger.dimensions import UnknownDimensionError
from tokentape.proxy.ledger.errors import LedgerError
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

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


def selection(
    settings: Settings,
    *,
    since: str | None,
    until: str | None,
    of_month: str | None = None,
    where: Iterable[str] = (),
) -> Selection:
    """Which calls are asked for.

    Raises:
        UsageError: a time or a condition is none.
    """
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    conditions = dict(_condition(one) for one in where)
    if of_month is not None:
        if since is not None or until is not None:
            raise UsageError("--month is a span by itself: leave out --since and --until.")
        first, end = month(of_month, zone)
        return Selection(since=first, until=end, where=conditions)
    return Selection(
        since=moment(since, "--since", zone, now) if since else None,
        until=moment(until, "--until", zone, now) if until else None,
        where=conditions,
    )


def _condition(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--where must be NAME=VALUE, such as model=claude-sonnet-5, not {text!r}.")
    return name, value or None
