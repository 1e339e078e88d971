"""Where two requests differ."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.matching.conversations import HEADERS, post
from tests.recorder.matching.test_canonical import VALUES

from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.matching.difference import MOST, Comparison, Difference, compare, count
from tokentape.recorder.matching.keys import Reading
from tokentape.recorder.matching.rules import DEFAULT
from tokentape.recorder.matching.volatile import Normaliser


def read(request: Request | Any) -> Reading:
    return Reading(request if isinstance(request, Request) else post(request), Normaliser(DEFAULT))


def found(recorded: Any, sent: Any) -> list[tuple[str, str | None, str | None]]:
    comparison = compare(read(recorded), read(sent), str)
    return [(each.path, each.recorded, each.sent) for each in comparison.differences]


CASES: list[tuple[Any, Any, list[Any]]] = [
    ({"a": 1}, {"a": 1.0}, []),
    ({"a": 1}, {"a": 2}, [("$.a", "1", "2")]),
    ({"a": 1}, {"a": True}, [("$.a", "1", "true")]),
    ({"a": None}, {}, [("$.a", "null", None)]),
    ({}, {"b c": "x"}, [('$["b c"]', None, '"x"')]),
    ({"a": [1, 2]}, {"a": [1, 3]}, [("$.a[1]", "2", "3")]),
    ([1, 2, 3, 4], [1, 9, 2, 3, 4], [("$[1]", None, "9")]),
    ([1, 2, 3, 4], [1, 4], [("$[1]", "2", None), ("$[2]", "3", None)]),
    ({"a": {"b": [{"c": "x"}]}}, {"a": {"b": [{"c": []}]}}, [("$.a.b[0].c", '"x"', "[]")]),
    (b"one", b"two", [("body", '"one"', '"two"')]),
    (b"", b"two", [("body", None, '"two"')]),
    ({"a": "é"}, {"a": "è"}, [("$.a", '"é"', '"è"')]),
]


@pytest.mark.parametrize(("recorded", "sent", "differences"), CASES)
def test_differences_are_named_by_their_path(recorded: Any, sent: Any, differences: Any) -> None:
    assert found(recorded, sent) == differences


def test_the_head_is_compared_too() -> None:
    recorded = Request(method="GET", uri="https://api.anthropic.com/v1/models?limit=1", headers=HEADERS)
    betas = (*HEADERS, ("anthropic-beta", "b"))
    sent = Request(method="HEAD", uri="http://localhost/v1/models/x?limit=2", headers=betas)
    assert found(recorded, sent) == [
        ("method", '"GET"', '"HEAD"'),
        ("path", '"/v1/models"', '"/v1/models/x"'),
        ("query", '"limit=1"', '"limit=2"'),
        ("header anthropic-beta", '""', '"b"'),
    ]


@given(VALUES, VALUES)
def test_there_is_a_difference_if_and_only_if_the_keys_differ(one: Any, other: Any) -> None:
    recorded, sent = read(json.dumps(one).encode()), read(json.dumps(other).encode())
    assert (count(recorded, sent) == 0) == (recorded.normal() == sent.normal())


def test_only_what_lies_around_the_first_difference_is_shown() -> None:
    recorded, sent = f"{'a' * 5000}old{'b' * 5000}", f"{'a' * 5000}new{'b' * 5000}"
    assert found({"x": recorded}, {"x": sent}) == [
        ("$.x", f"…{'a' * 24}old{'b' * 69}…", f"…{'a' * 24}new{'b' * 69}…")
    ]


def test_only_the_first_differences_are_shown_and_the_others_counted() -> None:
    comparison = compare(read(list(range(50))), read([*range(1, 50), 99]), str)
    assert (len(comparison.differences), comparison.more, comparison.count) == (MOST, 30, 50)


def hide(text: str) -> str:
    return text.replace("sk-secret-1", "***").replace("sk-secret-2", "***")


def test_secrets_are_masked_before_anything_is_cut() -> None:
    text = "x" * 60
    recorded, sent = f"{text}sk-secret-1{text * 3}", f"{text}sk-secret-2{text * 3}"
    (difference,) = compare(read({"x": recorded}), read({"x": sent}), hide).differences
    assert "secret" not in str(difference)
    assert str(difference).startswith("$.x: differs in what is masked: …xxxx")
    (difference,) = compare(read({"x": f"a sk-secret-1 b{text}"}), read({"x": "a"}), hide).differences
    assert difference == Difference("$.x", f'"a *** b{text}"', '"a"')


@pytest.mark.parametrize(
    ("difference", "line"),
    [
        (Difference("$.a", "1", "2"), "$.a: recorded 1, sent 2"),
        (Difference("$.a", None, "2"), "$.a: sent 2, and nothing was recorded there"),
        (Difference("$.a", "1", None), "$.a: recorded 1, and nothing was sent there"),
    ],
)
def test_a_difference_is_a_line(difference: Difference, line: str) -> None:
    assert str(difference) == line


def test_equal_requests_do_not_differ() -> None:
    assert compare(read(b'{"a": [1, {}]}'), read(b'{"a": [1.0,{}]}'), str) == Comparison()


@given(st.binary(), st.binary())
def test_any_bytes_can_be_compared(one: bytes, other: bytes) -> None:
    compare(read(post(one)), read(post(other)), str)
