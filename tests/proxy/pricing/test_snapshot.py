"""Newer price tables in a file."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from genai_prices import __version__ as genai_prices_version
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.pricing.paid_calls import NOVEMBER, book
from tests.support.price_payload import published

from tokentape.proxy.pricing.bill import LineKind
from tokentape.proxy.pricing.book import open_book
from tokentape.proxy.pricing.snapshot import SnapshotError, read_published, read_snapshot, write_snapshot
from tokentape.proxy.pricing.source import RELEASED

if TYPE_CHECKING:
    from pathlib import Path

FETCHED = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
OLDER = "is older than the table that genai-prices comes with, which stays in use"


def dearer(models: dict[str, Any]) -> None:
    models["claude-opus-5"]["prices"]["input_mtok"] = 7.25
    models["claude-next-1"] = {
        "id": "claude-next-1",
        "match": {"equals": "claude-next-1"},
        "prices": {"input_mtok": 0.3, "output_mtok": 1},
    }


def test_what_is_written_is_read_back_with_the_day_it_was_fetched_and_another_fingerprint(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a" / "prices.json"
    write_snapshot(read_published(published(dearer), FETCHED), path)
    newer = open_book(snapshot=read_snapshot(path))
    assert newer.date == "2026-11-21"
    assert newer.fingerprint != book().fingerprint
    assert newer.list_prices("claude-opus-5", NOVEMBER)[LineKind.INPUT] == Decimal("7.25")
    assert newer.list_prices("claude-next-1", NOVEMBER) == {
        LineKind.INPUT: Decimal("0.3"),
        LineKind.OUTPUT: Decimal(1),
    }
    assert newer.list_prices("claude-next-10", NOVEMBER) == {}


def test_the_same_table_has_the_same_prices(tmp_path: Path) -> None:
    """It is the bundled table, written and read in the published form: nothing is lost on the way."""
    write_snapshot(read_published(published(), FETCHED), tmp_path / "prices.json")
    again = open_book(snapshot=read_snapshot(tmp_path / "prices.json"))
    assert again.models == book().models
    for model in again.models:
        assert again.list_prices(model, NOVEMBER) == book().list_prices(model, NOVEMBER)


def test_only_its_owner_can_read_it_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    for _ in range(2):
        write_snapshot(read_published(published(), FETCHED), path)
    assert [file.name for file in tmp_path.iterdir()] == ["prices.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def without_opus(models: dict[str, Any]) -> None:
    del models["claude-opus-5"]


def without_prices(models: dict[str, Any]) -> None:
    models["claude-opus-5"]["prices"] = {}


def strange_prices(models: dict[str, Any]) -> None:
    models["claude-opus-5"]["prices"] = []


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"<html>", "is no price table of genai-prices"),
        (b"\xff", "is no price table of genai-prices"),
        (b'{"a": 1}', "is no price table of genai-prices"),
        (b'[{"id": "avian"}]', "has no Anthropic models"),
        (published(without_opus), OLDER),
        (published(without_prices), "has models without any price"),
        (published(strange_prices), "has prices that cannot be read (list index out of range)"),
    ],
    ids=["html", "bytes", "object", "others", "fewer models", "no prices", "no list of prices"],
)
def test_what_is_no_newer_table_is_refused(payload: bytes, why: str) -> None:
    with pytest.raises(SnapshotError) as caught:
        read_published(payload, FETCHED)
    assert str(caught.value) == why


def test_a_table_of_another_form_is_refused_in_one_line() -> None:
    with pytest.raises(SnapshotError, match=r"^has a form that this genai-prices does not know \(.+\)$"):
        read_published(b'[{"id": "anthropic", "models": 3}]', FETCHED)


def test_what_was_fetched_before_the_bundled_table_was_published_is_not_used(tmp_path: Path) -> None:
    """As after an update of genai-prices."""
    before = datetime.fromisoformat(f"{RELEASED[genai_prices_version]}T00:00:00Z").replace(year=2025)
    with pytest.raises(SnapshotError, match=OLDER):
        read_published(published(dearer), before)
    path = tmp_path / "prices.json"
    write_snapshot(read_published(published(dearer), FETCHED), path)
    path.write_text(path.read_text().replace("2026-11-21T", "2026-01-21T"))
    assert read_snapshot(path) is None


@given(st.binary(max_size=200))
def test_a_file_that_is_broken_is_as_none(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "broken.json"
    path.write_bytes(data)
    assert read_snapshot(path) is None


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path / "prices.json") is None
