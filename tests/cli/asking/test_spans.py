"""Spans of time, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tokentape.cli.asking.spans import moment, month
from tokentape.cli.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("7d", "2026-11-15T12:00Z"),
        ("24h", "2026-11-21T12:00Z"),
        ("30m", "2026-11-22T11:30Z"),
        ("2w", "2026-11-08T12:00Z"),
        ("2026-11-01", "2026-10-31T23:00Z"),
        ("2026-11-01T12:00", "2026-11-01T11:00Z"),
        ("2026-11-01T12:00:30Z", "2026-11-01T12:00:30Z"),
        ("2026-11-01T12:00-05:00", "2026-11-01T17:00Z"),
    ],
)
def test_a_moment_is_so_long_ago_or_a_local_day_or_time(text: str, wanted: str) -> None:
    assert moment(text, "--since", BERLIN, NOW) == datetime.fromisoformat(wanted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "d",
        "-7d",
        "7 d",
        "2026-13-01",
        "2026-11-31",
        "now",
        "100000d",
        "99999w",
        "1969-12-31",
        "2200-01-01",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=f"^--since must be .*, not '{text}'"):
        moment(text, "--since", BERLIN, NOW)


def test_a_month_is_local_and_may_be_december() -> None:
    assert month("2026-12", BERLIN) == (
        datetime(2026, 12, 1, tzinfo=BERLIN),
        datetime(2027, 1, 1, tzinfo=BERLIN),
    )


@pytest.mark.parametrize(
    "text", ["2026", "2026-00", "2026-13", "2026-1", "26-11", "0000-01", "1969-12", "2200-01", "2026-11-01"]
)
def test_anything_else_is_no_month(text: str) -> None:
    with pytest.raises(UsageError, match=f"^--month must be a month such as 2026-11, not '{text}'"):
        month(text, BERLIN)
