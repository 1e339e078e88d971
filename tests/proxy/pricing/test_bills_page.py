"""The page on pricing tells what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from tests.proxy.pricing import bills_page
from tests.proxy.pricing.test_hand_derived import TABLE

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/pricing.md").read_text(encoding="utf-8")


def test_the_table_of_bills_is_up_to_date() -> None:
    again = "python -m tests.proxy.pricing.bills_page docs/pricing.md"
    assert bills_page.renewed(PAGE) == PAGE, f"write it again: {again}"


def test_every_reason_and_modifier_is_explained() -> None:
    room = ROOT / "proxy/tokentape/proxy/pricing"
    code = "\n".join(path.read_text(encoding="utf-8") for path in room.glob("*.py"))
    named = {
        *re.findall(r'(?:reasons|names)\.append\(\s*"(\w+)"', code),
        *re.findall(r'UnpricedError\("(\w+)"\)', code),
        *(
            reason
            for _, bill in TABLE.values()
            for reason in [*bill.get("reasons", []), *bill.get("modifiers", [])]
        ),
    }
    assert len(named) > 20
    assert {name for name in named if f"| `{name}` |" not in PAGE} == set()
