"""Budgets: what was spent against what may be, and which line was just crossed. Pure."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads it
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy.ledger.spending import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentape.proxy.ledger.spending import Spend

LEVELS: Final = (100, 80, 50)
"""Per cent of a budget, the highest first."""
WINDOWS: Final = ("day", "month")

Budgets = dict[str, dict[str, Decimal]]
"""USD by project (`_all`: all of them together) and window."""


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """A budget of which a share is spent; what the webhook is told."""

    ledger: str
    project: str
    window: str
    period: str
    """`YYYY-MM-DD` or `YYYY-MM`."""
    level: int
    """Per cent: the highest of `LEVELS` that is reached."""
    spend_usd: Decimal
    budget_usd: Decimal

    @property
    def line(self) -> str:
        """For people."""
        whose = "all projects" if self.project == ALL else f"project {self.project}"
        return (
            f"tokentape: {self.level} % of the {self.window}'s budget of {whose} is spent: "
            f"{self.spend_usd:,.2f} of {self.budget_usd:,.2f} USD ({self.period})."
        )

    @property
    def names(self) -> list[str]:
        """What is said with this: this level, and those below it. A changed budget is another one."""
        of = f"{self.window}:{self.period}:{self.budget_usd.normalize():f}:{self.project}"
        return [f"budget:{level}:{of}" for level in LEVELS if level <= self.level]


def crossings(spend: Spend, budgets: Budgets, today: date) -> list[Crossing]:
    """Every budget of which half or more is spent."""
    found: list[Crossing] = []
    spent: dict[str, Mapping[str, Decimal]] = {"day": spend.day, "month": spend.month}
    periods = {"day": today.isoformat(), "month": today.isoformat()[:7]}
    for project, windows in budgets.items():
        for window, budget in windows.items():
            amount = spent[window].get(project, Decimal(0))
            level = _level(amount, budget)
            if level is not None:
                found.append(
                    Crossing(
                        ledger=spend.ledger,
                        project=project,
                        window=window,
                        period=periods[window],
                        level=level,
                        spend_usd=amount,
                        budget_usd=budget,
                    )
                )
    return found


def _level(amount: Decimal, budget: Decimal) -> int | None:
    return next((level for level in LEVELS if amount * 100 >= budget * level), None)
