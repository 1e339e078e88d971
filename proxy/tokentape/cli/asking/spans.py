"""Spans of time, as people write them: `7d`, `24h`, `2026-11-01`, `2026-11-01T12:00`."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from tokentape.cli.errors import UsageError

if TYPE_CHECKING:
    from datetime import tzinfo

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, flag: str, zone: tzinfo, now: datetime) -> datetime:
    """A point in time: so long ago, or the beginning of a local day, or a local time.

    Raises:
        UsageError: it is none.
    """
    ago = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if ago:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(date.fromisoformat(text), time(), zone)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{flag} must be a length of time such as 7d, 24h or 30m, a day such as 2026-11-01, or a time "
            f"such as 2026-11-01T12:00, not {text!r}."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def month(text: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """Beginning and end of a local month.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if found is None or found[1] == "0000":
        raise UsageError(f"--month must be a month such as 2026-11, not {text!r}.")
    year, number = int(found[1]), int(found[2])
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=zone), datetime(*after, 1, tzinfo=zone)
