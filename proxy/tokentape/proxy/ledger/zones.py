"""Days and hours of a time zone, as spans of UTC.

A zone's offset changes a few times a year. Between changes a local day is a fixed shift away from a UTC
one, which a database can compute; so a zone over a span of time is a short list of `Shift`s.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    Begin = Callable[[tzinfo, date], int]

DAY: Final = 86_400
HOUR: Final = 3_600


class Shift(NamedTuple):
    """How far local time is ahead of UTC, up to (not including) an instant."""

    until: int
    """Seconds since the epoch."""
    offset: int
    """Seconds."""


def shifts(zone: tzinfo, since: int, until: int) -> tuple[Shift, ...]:
    """The zone's offsets over [since, until), in order; at least one.

    Finds each change to the second, given that no two lie within a day.
    """
    found: list[Shift] = []
    start, offset = since, offset_at(zone, since)
    while start < until:
        end = min(start + DAY, until)
        after = offset_at(zone, end)
        if after != offset:
            found.append(Shift(_change(zone, start, end), offset))
            offset = after
        start = end
    found.append(Shift(max(until, since), offset))
    return tuple(found)


def offset_at(zone: tzinfo, instant: int) -> int:
    """Seconds that local time is ahead of UTC."""
    offset = datetime.fromtimestamp(instant, UTC).astimezone(zone).utcoffset()
    return round((offset or timedelta()).total_seconds())


def _change(zone: tzinfo, before: int, after: int) -> int:
    """The first second of the new offset, between two instants whose offsets differ."""
    old = offset_at(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if offset_at(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def hourly(zone_shifts: Iterable[Shift], grains: Iterable[int]) -> list[int]:
    """Those grains that never straddle a local hour."""
    offsets = [shift.offset for shift in zone_shifts]
    return [grain for grain in grains if grain <= HOUR and not any(offset % grain for offset in offsets)]


def starts(zone: tzinfo, since: int, until: int, begin: Begin) -> list[int]:
    """When each local day, or month, begins within (since, until): seconds since the epoch, ascending.

    Args:
        zone: whose days.
        since: seconds since the epoch.
        until: the same.
        begin: `day_start` or `month_start`.
    """
    first, last = local_date(zone, since).toordinal(), local_date(zone, until).toordinal()
    found = {begin(zone, date.fromordinal(day)) for day in range(first, last + 1)}
    return sorted(start for start in found if since < start < until)


def day_start(zone: tzinfo, day: date) -> int:
    """When a local day begins, seconds since the epoch."""
    return _epoch(datetime(day.year, day.month, day.day, tzinfo=zone))


def month_start(zone: tzinfo, day: date) -> int:
    """When the local month of a day begins, seconds since the epoch."""
    return day_start(zone, day.replace(day=1))


def local_date(zone: tzinfo, instant: float) -> date:
    """The local day of an instant."""
    return datetime.fromtimestamp(instant, zone).date()


def _epoch(moment: datetime) -> int:
    return round(moment.timestamp())


def day_name(number: int) -> str:
    """`YYYY-MM-DD` of a local day, counted from 1970-01-01."""
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()


def hour_name(zone: tzinfo, start: int) -> str:
    """ISO 8601 of a local hour with its offset, so that the hour that comes twice has two names."""
    return datetime.fromtimestamp(start, zone).isoformat(timespec="minutes")
