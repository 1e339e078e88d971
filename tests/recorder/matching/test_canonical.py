"""The canonical form of bodies."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.matching.canonical import Kind, canonical, read_body

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_the_canonical_form_of_a_canonical_form_is_itself(body: bytes) -> None:
    once = canonical(body)
    assert canonical(once) == once


@given(VALUES, st.booleans(), st.sampled_from([None, 0, 3]))
def test_spaces_and_escapes_change_nothing(value: Any, ascii_only: bool, indent: int | None) -> None:  # noqa: FBT001  # drawn
    spelled = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert canonical(spelled.encode("utf-8", "surrogatepass")) == canonical(json.dumps(value).encode()) or (
        not ascii_only and _has_half_a_pair(spelled)
    )


def _has_half_a_pair(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


@given(VALUES, VALUES)
def test_two_values_have_one_form_only_if_they_are_equal(one: Any, other: Any) -> None:
    forms = (canonical(json.dumps(one).encode()), canonical(json.dumps(other).encode()))
    assert (forms[0] == forms[1]) == (_plain(one) == _plain(other))


def _plain(value: Any) -> Any:
    """A value in which what JSON tells apart is unequal, and what it does not is equal."""
    match value:
        case bool():
            return ("bool", value)
        case float() if math.isnan(value):
            return "not a number"
        case int() | float():
            whole = abs(value) < 2**53 and value == int(value)
            return ("number", int(value)) if whole else (type(value).__name__, value)
        case list():
            return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
        case dict():
            return {key: _plain(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]  # JSON
        case _:
            return value


@pytest.mark.parametrize("spelled", [b"1", b"1.0", b"1e0", b"10e-1", b" 1 "])
def test_a_number_has_one_form_however_it_is_spelled(spelled: bytes) -> None:
    assert canonical(spelled) == b"1"


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b'{"b": 1, "a": {"d": 2, "c": [3, 4]}}', b'{"a":{"c":[3,4],"d":2},"b":1}'),
        (b'{"a": 1, "a": 2}', b'{"a":2}'),
        (rb'{"a": "\u00e9"}', '{"a":"é"}'.encode()),
        (b"[0.1, 1e23, -0.0]", b"[0.1,1e23,0]"),
        (b"123456789012345678901234567890", b"123456789012345678901234567890"),
        (b'{"b": NaN, "a": -Infinity}', b'{"a":-Infinity,"b":NaN}'),
        (rb'["\ud83d", "\u00e9"]', rb'["\ud83d","\u00e9"]'),
        (b"1e999", b"Infinity"),
        (b"", b""),
        (b"no JSON at all", b"no JSON at all"),
        (b'{"cut": ', b'{"cut": '),
        (b"\xff\xfe", b"\xff\xfe"),
        (b"[" * 100_000, b"[" * 100_000),
    ],
    ids=lambda value: str(value[:20]),
)
def test_a_body_has_this_form(body: bytes, form: bytes) -> None:
    assert canonical(body) == form


def test_uploads_of_one_file_have_one_form_whatever_the_boundary() -> None:
    def upload(boundary: bytes, content: bytes) -> bytes:
        head = b'Content-Disposition: form-data; name="file"; filename="a.txt"'
        return b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (boundary, head, content, boundary)

    assert canonical(upload(b"5ca1ab1e", b"one")) == canonical(upload(b"-----RubyMultipartPost-1", b"one"))
    assert canonical(upload(b"5ca1ab1e", b"one")) != canonical(upload(b"5ca1ab1e", b"two"))
    assert read_body(upload(b"5ca1ab1e", b"one")).kind is Kind.MULTIPART


def test_what_merely_begins_with_dashes_is_bytes() -> None:
    assert read_body(b"-- a comment\r\nand no end").kind is Kind.BYTES
