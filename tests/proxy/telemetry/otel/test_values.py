from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from tests.support.otlp import plain

from tokentape.proxy.telemetry.otel.values import (
    MAX_DEPTH,
    MAX_TEXT,
    any_value,
    attributes,
    key,
    key_value,
    structured,
)

if TYPE_CHECKING:
    from tokentape.proxy.telemetry.otel.values import Structured, Value

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("value", ["text", "", True, False, 0, -1, 2**63 - 1, 0.5, -0.0, ["a", "b"], []])
def test_a_value_keeps_its_type(value: Value) -> None:
    read = plain(AnyValue.FromString(any_value(value)))
    assert read == value
    assert type(read) is type(value)


def test_a_text_is_cut_where_it_could_be_anything() -> None:
    assert plain(AnyValue.FromString(any_value("x" * 10_000))) == "x" * MAX_TEXT


def test_half_a_character_of_json_does_not_spoil_the_request() -> None:
    assert plain(AnyValue.FromString(any_value("\ud800!"))) == "?!"


@given(JSON)
def test_whatever_json_says_is_read_back(value: Any) -> None:
    assert plain(AnyValue.FromString(structured(value))) == value


def test_an_integer_that_no_receiver_knows_is_a_float() -> None:
    assert plain(AnyValue.FromString(structured(10**30))) == 1e30


def test_what_lies_too_deep_is_left_out() -> None:
    nested: Structured = "deep"
    for _ in range(MAX_DEPTH + 5):
        nested = [nested]
    assert "deep" not in str(plain(AnyValue.FromString(structured(nested))))


def test_attributes_have_their_names() -> None:
    read = KeyValue.FromString(key_value(key("a.name"), any_value(1)))
    assert (read.key, plain(read.value)) == ("a.name", 1)
    assert [KeyValue.FromString(pair).key for pair in attributes({"a": 1, "b": "c"})] == ["a", "b"]
