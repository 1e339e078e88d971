"""Which budget was crossed, by how much."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tokentape.proxy.ledger.budgets import Budgets, Crossing, crossings
from tokentape.proxy.ledger.spending import ALL, Spend

TODAY = date(2026, 11, 22)


def spend(day: str, month: str, project: str = "checkout") -> Spend:
    return Spend(
        ledger="f00d",
        day={ALL: Decimal(day), project: Decimal(day)},
        month={ALL: Decimal(month), project: Decimal(month)},
    )


def budgets(**windows: int) -> Budgets:
    return {"checkout": {window: Decimal(usd) for window, usd in windows.items()}}


def levels(of: Spend, given: Budgets) -> list[tuple[str, str, int]]:
    return [(one.project, one.window, one.level) for one in crossings(of, given, TODAY)]


@pytest.mark.parametrize(
    ("spent", "level"),
    [
        ("0", None),
        ("9.999999999999", None),
        ("10", 50),
        ("15.99", 50),
        ("16", 80),
        ("20", 100),
        ("2000", 100),
    ],
)
def test_the_highest_mark_that_is_reached_counts(spent: str, level: int | None) -> None:
    assert levels(spend(spent, spent), budgets(day=20)) == (
        [] if level is None else [("checkout", "day", level)]
    )


def test_every_window_and_project_is_looked_at_and_all_of_them_together() -> None:
    given = {**budgets(day=20, month=400), ALL: {"month": Decimal(200)}, "nobody": {"day": Decimal(1)}}
    assert levels(spend("20", "320"), given) == [
        ("checkout", "day", 100),
        ("checkout", "month", 80),
        (ALL, "month", 100),
    ]


def test_a_crossing_says_all_about_itself() -> None:
    (crossing,) = crossings(spend("16.5", "1234.5"), budgets(month=1500), TODAY)
    assert crossing == Crossing(
        ledger="f00d",
        project="checkout",
        window="month",
        period="2026-11",
        level=80,
        spend_usd=Decimal("1234.5"),
        budget_usd=Decimal(1500),
    )
    assert crossing.line == (
        "tokentape: 80 % of the month's budget of project checkout is spent: "
        "1,234.50 of 1,500.00 USD (2026-11)."
    )


def test_it_is_named_with_the_marks_below_it_and_by_period_and_budget() -> None:
    """So that a mark is said once, and said again for another day, or where the budget was changed."""
    (crossing,) = crossings(spend("16", "16"), budgets(day=20), TODAY)
    assert crossing.names == [
        "budget:80:day:2026-11-22:20:checkout",
        "budget:50:day:2026-11-22:20:checkout",
    ]
