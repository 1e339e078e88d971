"""Writes the table of hand-derived bills into the page on pricing.

Run `python -m tests.proxy.pricing.bills_page docs/pricing.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.proxy.pricing.test_hand_derived import EXAMPLES, TABLE

START = "<!-- bills: written by `python -m tests.proxy.pricing.bills_page docs/pricing.md` -->\n"
END = "<!-- end of bills -->"


def renewed(page: str) -> str:
    """The page with the tables as they are now."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{tables()}{END}{after}"


def tables() -> str:
    lines = ["| a thousand times | Haiku 3.5 | Sonnet 4 | Opus 4 |", "|---|---|---|---|"]
    lines += [
        f"| {sent:,} in, {received:,} out | {' | '.join(f'{usd} USD' for usd in totals)} |"
        for sent, received, *totals in EXAMPLES
    ]
    lines += [
        "",
        "| case | served by | micro-dollars | status | modifiers | reasons |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_row(name, call.model_served or call.model_asked, bill) for name, (call, bill) in TABLE.items()]
    return "\n".join(lines) + "\n"


def _row(name: str, model: str | None, bill: dict[str, Any]) -> str:
    total = bill["total"]
    amount = "" if total is None else f"{total.scaleb(6).normalize():,f}"
    reasons, modifiers = (", ".join(bill.get(key, [])) for key in ("reasons", "modifiers"))
    return f"| {name} | `{model}` | {amount} | {bill['status']} | {modifiers} | {reasons} |"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
