"""Reading what others wrote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.tolerant import MAX_COUNT, MAX_NOTES, Notes


@given(st.binary())
def test_any_bytes_parse_to_something_or_none(data: bytes) -> None:
    tolerant.parse(data)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'"\\ud800"', b"[" * 100_000, b"{} {}", b"NaN"])
def test_what_is_no_json_is_none(data: bytes) -> None:
    assert tolerant.parse(data) is None


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("x", "x"),
        ("", None),
        (None, None),
        (5, None),
        ("x" * 300, "x" * 256),
        ("a\x00\nb", "ab"),
        ("\n", None),
    ],
)
def test_text_is_one_short_printable_line(value: Any, kept: str | None) -> None:
    assert tolerant.text(value) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0, 0),
        (7, 7),
        (-1, None),
        (True, None),
        (1.0, None),
        ("1", None),
        (MAX_COUNT + 1, None),
        (MAX_COUNT, MAX_COUNT),
    ],
)
def test_a_count_is_a_whole_number_from_zero(value: Any, kept: int | None) -> None:
    assert tolerant.count(value) == kept


@pytest.mark.parametrize(("value", "kept"), [(True, True), (False, False), (1, None), (None, None)])
def test_a_flag_is_true_or_false(value: Any, kept: bool | None) -> None:  # noqa: FBT001 - a parametrized value
    assert tolerant.flag(value) is kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("web_search.x-1", "web_search.x-1"),
        ("A sentence.", "other"),
        ("", "other"),
        ("x" * 65, "other"),
        (5, "other"),
    ],
)
def test_a_name_is_fit_for_a_label(value: Any, kept: str) -> None:
    assert tolerant.name(value) == kept


def test_notes_are_kept_once_and_are_bounded() -> None:
    notes = Notes()
    for n in range(100):
        notes.error("event_json")
        notes.error(f"reason_{n}")
        notes.unfamiliar("event", f"kind_{n}")
        notes.unfamiliar("event", f"kind_{n}")
    assert notes.parse_errors == ["event_json", *(f"reason_{n}" for n in range(MAX_NOTES - 1))]
    assert notes.unknown == [f"event:kind_{n}" for n in range(MAX_NOTES)]
