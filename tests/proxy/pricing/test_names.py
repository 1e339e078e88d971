"""Which names are known."""

from __future__ import annotations

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.pricing.paid_calls import NOVEMBER, book

from tokentape.proxy.pricing.names import MAX_NAME, bare_name
from tokentape.proxy.pricing.source import open_source

PROVIDER = next(provider for provider in get_snapshot().providers if provider.id == "anthropic")


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("claude-opus-5", "claude-opus-5"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"),
        ("claude-sonnet-4@20250514", "claude-sonnet-4"),
        ("claude-sonnet-4@20250514[1m]", "claude-sonnet-4"),
        ("Claude-Opus-5", "claude-opus-5"),
        ("claude-opus-4-6-fast", "claude-opus-4-6-fast"),
        ("claude-opus-4-2025051", "claude-opus-4-2025051"),
        ("claude-opus-5-2026-07-01", "claude-opus-5-2026-07-01"),
        ("", ""),
        ("[1m]", ""),
        ("c" * (MAX_NAME + 1), ""),
    ],
)
def test_a_bare_name_lacks_only_what_pins_a_version_or_a_window(name: str, bare: str) -> None:
    assert bare_name(name) == bare


NEAR_MISSES = [
    "claude-opus-4-10",
    "claude-opus-4-6-fast",
    "claude-3-5-haiku-next",
    "claude-opus-4-1-preview",
    "claude-sonnet-4-2025",
    "claude-sonnet-4-55",
    "claude-haiku-4-50",
    "claude-haiku-4-5-20251001-v1:0",
    "claude-2-opus",
    "claude-20",
    "my-claude-v2",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "claude",
    "",
]


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_has_no_price(name: str) -> None:
    assert book().rates(name, NOVEMBER) is None


def test_the_library_prices_most_near_misses() -> None:
    """Why its own matching is not used."""
    assert len([name for name in NEAR_MISSES if PROVIDER.find_model(name)]) >= 10


def test_every_listed_name_means_what_the_library_means_by_it() -> None:
    names = open_source().names
    found = {name: PROVIDER.find_model(name) for name in names}
    assert {name: model and model.id for name, model in found.items()} == names


def test_every_model_of_the_table_is_known_by_its_id() -> None:
    unknown = [model.id for model in PROVIDER.models if book().rates(model.id, NOVEMBER) is None]
    assert unknown == []


@given(st.text(max_size=200))
def test_any_text_is_a_name_or_none(text: str) -> None:
    rates = book().rates(text, NOVEMBER)
    assert rates is None or bare_name(text) in open_source().names
