"""Salted hashes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.hashing import canonical, canonical_lines, credential_hash, digest, digest_input

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_a_digest_depends_on_salt_purpose_and_data() -> None:
    digests = {
        digest(b"salt", b"user", b"data"),
        digest(b"other", b"user", b"data"),
        digest(b"salt", b"body", b"data"),
        digest(b"salt", b"user", b"other"),
    }
    assert len(digests) == 4
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in digests)
    assert digest(b"salt", b"user", b"data") == digest(b"salt", b"user", b"data")


def test_a_credential_is_short_and_does_not_show() -> None:
    assert len(credential_hash(b"salt", b"sk-ant-api03-key")) == 12
    assert credential_hash(b"salt", b"a") != credential_hash(b"salt", b"b")


def test_canonical_json_has_sorted_keys_no_spaces_and_plain_utf8() -> None:
    assert canonical({"b": [1, 2.5, None, True], "a": {"d": "é\n", "c": '"'}}) == (
        '{"a":{"c":"\\"","d":"é\\n"},"b":[1,2.5,null,true]}'.encode()
    )


@given(JSON)
def test_canonical_json_is_what_the_standard_library_writes(value: Any) -> None:
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert json.loads(canonical(value)) == value
    assert len(canonical(value)) == len(plain) or b"\x7f" in plain


@given(st.lists(JSON))
def test_canonical_lines_are_the_canonical_json_of_each(values: list[Any]) -> None:
    assert canonical_lines(values) == [canonical(value) for value in values]


def test_equal_inputs_have_equal_digests_however_their_keys_are_ordered() -> None:
    assert digest_input(b"salt", {"a": 1, "b": {"c": [2]}}) == digest_input(
        b"salt", {"b": {"c": [2]}, "a": 1}
    )
    assert digest_input(b"salt", {"a": 1}) != digest_input(b"salt", {"a": 2})
    assert digest_input(b"salt", {"a": 1}) != digest_input(b"pepper", {"a": 1})


def test_what_is_nested_too_deeply_says_so() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        canonical(deep)
