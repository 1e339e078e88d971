"""Spans of time, as people write them: `7d`, `24h`, `2026-11-01`, `2026-11-01T12:00`."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from tokentape.cli.errors import UsageError

if TYPE_CHECKING:
    from datetime import tzinfo

_YEARS: Final = range(1970, 2200)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, flag: str, zone: tzinfo, now: datetime) -> datetime:
    """A point in time: so long ago, or the beginning of a local day, or a local time.

    Raises:
        UsageError: it is none.
    """
    try:
        found = _moment(text, zone, now)
        if found.year in _YEARS:
            return found
    except (ValueError, OverflowError):
        pass
    raise UsageError(
        f"{flag} must be a length of time such as 7d, 24h or 30m, a day such as 2026-11-01, or a time "
        f"such as 2026-11-01T12:00, not {text!r}."
    )


def _moment(text: str, zone: tzinfo, now: datetime) -> datetime:
    if ago := re.fullmatch(r"(\d{1,5})([mhdw])", text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return datetime.combine(date.fromisoformat(text), time(), zone)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def month(text: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """Beginning and end of a local month.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if found is None or int(found[1]) not in _YEARS:
        raise UsageError(f"--month must be a month such as 2026-11, not {text!r}.")
    year, number = int(found[1]), int(found[2])
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=zone), datetime(*after, 1, tzinfo=zone)
