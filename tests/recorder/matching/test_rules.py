"""Rules of the user."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tokentape.recorder.matching.rules import Rules, RulesError


@pytest.mark.parametrize(
    "wrong", [{"json_paths": ("a..b",)}, {"patterns": ("(",)}, {"patterns": ("a*",)}, {"json_paths": ("",)}]
)
def test_rules_that_cannot_be_followed_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RulesError, match=r"^the volatile (path|pattern) .*[.]$"):
        Rules(**wrong)


def test_rules_are_values() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Rules(patterns=("x",))), type=Rules) == Rules(
        patterns=("x",)
    )
