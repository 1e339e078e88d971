"""Local days and hours are found as the time zone database has them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.ledger import zones
from tokentape.proxy.ledger.zones import Shift, shifts

BERLIN, KOLKATA, NEPAL = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("Asia/Kathmandu")
ZONES = [UTC, BERLIN, KOLKATA, NEPAL, ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe")]


def instant(year: int, month: int, day: int, hour: int = 0) -> int:
    return round(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


def test_berlin_changes_its_clocks_twice_in_2026() -> None:
    year = shifts(BERLIN, instant(2026, 1, 1), instant(2027, 1, 1))
    assert year == (
        Shift(instant(2026, 3, 29, 1), 3600),
        Shift(instant(2026, 10, 25, 1), 7200),
        Shift(instant(2027, 1, 1), 3600),
    )


def test_utc_never_changes() -> None:
    assert shifts(UTC, 0, instant(2027, 1, 1)) == (Shift(instant(2027, 1, 1), 0),)


@given(
    st.sampled_from(ZONES),
    st.integers(instant(2000, 1, 1), instant(2030, 1, 1)),
    st.integers(0, 86_400 * 300),
)
def test_a_shift_says_what_the_zone_says(zone: ZoneInfo, since: int, length: int) -> None:
    at = since + length
    shift = next(one for one in shifts(zone, since, at + 1) if at < one.until)
    local = datetime.fromtimestamp(at, zone)
    assert local.utcoffset() == timedelta(seconds=shift.offset)
    assert zones.day_name((at + shift.offset) // 86_400) == local.date().isoformat()


@pytest.mark.parametrize(
    ("zone", "fits"), [(UTC, [900, 3600]), (BERLIN, [900, 3600]), (KOLKATA, [900]), (NEPAL, [900])]
)
def test_grains_that_keep_local_hours_apart(zone: ZoneInfo, fits: list[int]) -> None:
    year = shifts(zone, instant(2026, 1, 1), instant(2027, 1, 1))
    assert zones.hourly(year, (900, 3600, 86_400)) == fits


def test_an_offset_of_minutes_fits_no_grain() -> None:
    assert zones.hourly((Shift(0, 60),), (900, 3600)) == []


def test_the_days_and_months_that_begin_within_a_span() -> None:
    since, until = instant(2026, 3, 27, 23), instant(2026, 4, 1)
    assert zones.starts(BERLIN, since, until, zones.day_start) == [
        instant(2026, 3, 28, 23),
        instant(2026, 3, 29, 22),
        instant(2026, 3, 30, 22),
        instant(2026, 3, 31, 22),
    ]
    assert zones.starts(BERLIN, since, until, zones.month_start) == [instant(2026, 3, 31, 22)]
    assert zones.starts(UTC, since, until, zones.day_start)[0] == instant(2026, 3, 28)
    assert zones.starts(UTC, since, since, zones.day_start) == []


def test_days_and_months_begin_at_local_midnight() -> None:
    assert zones.day_start(BERLIN, date(2026, 7, 3)) == instant(2026, 7, 2, 22)
    assert zones.month_start(BERLIN, date(2026, 7, 3)) == instant(2026, 6, 30, 22)
    assert zones.month_start(UTC, date(2026, 7, 3)) == instant(2026, 7, 1)


def test_the_hour_that_comes_twice_has_two_names() -> None:
    first = instant(2026, 10, 25, 0)
    assert zones.hour_name(BERLIN, first) == "2026-10-25T02:00+02:00"
    assert zones.hour_name(BERLIN, first + 3600) == "2026-10-25T02:00+01:00"
