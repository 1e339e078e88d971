"""Labels of calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.labels import MAX_LABELS, MAX_VALUE, parse_labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        ("project=checkout,team=search", {"project": "checkout", "team": "search"}),
        (" project = checkout , team=search ", {"project": "checkout", "team": "search"}),
        ("project=a,project=b", {"project": "b"}),
        ("name=caf%C3%A9%20au%20lait", {"name": "café au lait"}),
        ("query=a=b", {"query": "a=b"}),
        ("project", {}),
        ("=x,project=,9=x,a b=c,ok=1", {"ok": "1"}),
        ("x=a%0Ab,y=%00,z=1", {"z": "1"}),
    ],
)
def test_labels_are_read_from_text(text: str, labels: dict[str, str]) -> None:
    assert parse_labels(text) == labels


def test_a_value_is_cut_and_too_many_labels_are_left_out() -> None:
    assert parse_labels("long=" + "x" * 1000) == {"long": "x" * MAX_VALUE}
    many = ",".join(f"k{n}=v" for n in range(100))
    assert parse_labels(many) == {f"k{n}": "v" for n in range(MAX_LABELS)}
    assert parse_labels(many + ",k1=w")["k1"] == "w"


def test_changing_what_was_returned_changes_nothing_for_others() -> None:
    parse_labels("a=1")["b"] = "2"
    assert parse_labels("a=1") == {"a": "1"}


@given(st.text())
def test_any_text_gives_bounded_printable_labels(text: str) -> None:
    labels = parse_labels(text)
    assert len(labels) <= MAX_LABELS
    assert all(value.isprintable() and len(value) <= MAX_VALUE for value in labels.values())


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
        max_size=MAX_LABELS,
    )
)
def test_plain_labels_come_back_as_they_were_written(labels: dict[str, str]) -> None:
    assert parse_labels(",".join(f"{key}={value}" for key, value in labels.items())) == labels
