"""What is left out of the normalised key, and what is not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.matching.bodies import BODY, MARK, changed, exact, normal, reading, unmarked
from tests.recorder.matching.conversations import URI, post

from tokentape.proxy.messages.tolerant import is_array, is_object
from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.matching.rules import Rules

VOLATILE: dict[str, Any] = {
    "another user": changed(metadata={"user_id": "user_2"}),
    "no user": {key: value for key, value in BODY.items() if key != "metadata"},
    "another billing block": changed(
        system=[{"type": "text", "text": "x-anthropic-billing-header: cch=00ce4;"}, *BODY["system"][1:]]
    ),
    "no billing block": changed(system=BODY["system"][1:]),
    "system as a string": changed(system="Be brief."),
    "no marks, and strings": unmarked(BODY),
    "a mark of the whole": changed(cache_control=MARK),
    "not streamed, said so": changed(stream=False),
}


@pytest.mark.parametrize("body", VOLATILE.values(), ids=VOLATILE.keys())
def test_what_is_volatile_changes_the_exact_key_only(body: Any) -> None:
    assert normal(body) == normal(BODY)
    assert exact(body) != exact(BODY)


def test_the_order_of_keys_changes_nothing() -> None:
    assert exact(dict(reversed(BODY.items()))) == exact(BODY)


OTHER: dict[str, Any] = {
    "model": changed(model="claude-sonnet-4-5"),
    "streamed": changed(stream=True),
    "metadata": changed(metadata={"user_id": "user_1", "trace": "1"}),
    "system": changed(system="Be long."),
    "a tool's schema": changed(tools=[BODY["tools"][1], BODY["tools"][0]]),
    "a property called cache_control": changed(
        tools=[{"name": "read", "input_schema": {"type": "object", "properties": {}}}, BODY["tools"][1]]
    ),
    "one message more": changed(messages=[*BODY["messages"], {"role": "user", "content": "Go on."}]),
    "no messages": changed(messages=[]),
    "another number": changed(temperature=0.6),
}


@pytest.mark.parametrize("body", OTHER.values(), ids=OTHER.keys())
def test_anything_else_changes_both_keys(body: Any) -> None:
    assert normal(body) != normal(BODY)
    assert exact(body) != exact(BODY)


KEYS = st.sampled_from(
    ["messages", "requests", "params", "system", "tools", "content", "type", "text", "metadata", "user_id"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every leaf of a JSON value."""
    if is_object(value):
        return [place for key, each in value.items() for place in places(each, (*path, key))]
    if is_array(value):
        return [place for index, each in enumerate(value) for place in places(each, (*path, index))]
    return [path]


PLAIN = {key: value for key, value in unmarked(BODY).items() if key != "metadata"} | {"system": "Be brief."}


@given(st.sampled_from(places(PLAIN)), LEAVES)
def test_any_other_leaf_changes_the_normalised_key(place: tuple[Any, ...], leaf: Any) -> None:
    body = copy.deepcopy(PLAIN)
    holder: Any = body
    for step in place[:-1]:
        holder = holder[step]
    before, holder[place[-1]] = holder[place[-1]], leaf
    assert (normal(body) == normal(BODY)) == (before == leaf and type(before) is type(leaf))


def test_what_is_volatile_in_a_message_is_so_in_a_batch() -> None:
    def batch(body: Any) -> dict[str, Any]:
        return {"requests": [{"custom_id": "1", "params": body}]}

    assert {normal(batch(body)) for body in VOLATILE.values()} == {normal(batch(BODY))}
    assert normal(batch(OTHER["model"])) != normal(batch(BODY))


# Rules of the user.


def test_a_path_names_what_is_volatile() -> None:
    rules = Rules(json_paths=("metadata", "messages[*].content[*].input.n", "$.tools.0"))
    body = changed(metadata={"trace": 1})
    body["messages"][1]["content"][0]["input"]["n"] = 2
    body["tools"][0] = {"name": "another"}
    assert normal(body, rules) == normal(BODY, rules)
    assert normal(body) != normal(BODY)
    body["messages"][1]["content"][0]["input"]["m"] = 2
    assert normal(body, rules) != normal(BODY, rules)


@pytest.mark.parametrize("path", ["nothing.here", "model.x.y", "messages.99", "messages.x", "*.*.*", "*"])
def test_a_path_that_leads_nowhere_or_everywhere_does_no_harm(path: str) -> None:
    for body in (BODY, [1, [2]], "text", None):
        normal(body, Rules(json_paths=(path,)))


def test_a_pattern_names_what_is_volatile_in_strings_and_in_addresses() -> None:
    rules = Rules(patterns=(r"\d{4}-\d\d-\d\d", r"batch_(\w+)"))
    one = changed(system="Today is 2026-11-22.")
    other = changed(system="Today is 2026-11-23.")
    assert normal(one, rules) == normal(other, rules)
    assert normal(one, rules) != normal(changed(system="Today is Sunday."), rules)
    first = reading(Request(method="GET", uri="/v1/messages/batches/batch_1"), rules)
    second = reading(Request(method="GET", uri="/v1/messages/batches/batch_2"), rules)
    assert first.normal() == second.normal()
    assert reading(post(b"on 2026-11-22"), rules).normal() == reading(post(b"on 2026-11-23"), rules).normal()


@given(st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, st.lists(inner, max_size=3) | inner)))
def test_any_shape_under_the_names_of_the_api_has_keys(value: Any) -> None:
    read = reading(Request(method="POST", uri=URI, body=json.dumps(value).encode()))
    assert (len(read.exact()), len(read.normal())) == (16, 16)
