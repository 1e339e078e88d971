"""What is in a key, and what is not."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.matching.conversations import HEADERS, URI, post

from tokentape.proxy.messages.tolerant import is_array, is_object
from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.matching.keys import UNKNOWN, Reading, as_set, betas_of
from tokentape.recorder.matching.rules import DEFAULT, Rules, RulesError
from tokentape.recorder.matching.volatile import Normaliser

MARK = {"type": "ephemeral"}
BODY: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 512,
    "temperature": 0.5,
    "metadata": {"user_id": "user_1"},
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.141.d7d; cch=9b9a1;"},
        {"type": "text", "text": "Be brief.", "cache_control": MARK},
    ],
    "tools": [
        {"name": "read", "input_schema": {"type": "object", "properties": {"cache_control": {}}}},
        {"name": "write", "input_schema": {"type": "object"}, "cache_control": MARK},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hello.", "cache_control": MARK}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"n": 1}}],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "42", "cache_control": MARK}],
                }
            ],
        },
    ],
}


def reading(request: Request, rules: Rules = DEFAULT) -> Reading:
    return Reading(request, Normaliser(rules))


def exact(body: Any) -> bytes:
    return reading(post(body)).exact()


def normal(body: Any, rules: Rules = DEFAULT) -> bytes:
    return reading(post(body), rules).normal()


def changed(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(BODY) | more


def unmarked(value: Any) -> Any:
    """Without marks on blocks, as a client that caches nothing would send it."""
    body = copy.deepcopy(value)
    for block in [*body["system"], *body["tools"]]:
        block.pop("cache_control", None)
    body["messages"][0]["content"] = "Hello."
    body["messages"][2]["content"][0]["content"] = "42"
    return body


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


# The head.


def uri_keys(uri: str, method: str = "GET") -> tuple[bytes, bytes]:
    read = reading(Request(method=method, uri=uri))
    return read.exact(), read.normal()


def test_the_host_is_in_no_key() -> None:
    assert uri_keys("http://127.0.0.1:8585/v1/models") == uri_keys("https://api.anthropic.com/v1/models")


def test_parameters_have_no_order_but_those_of_one_name_have() -> None:
    assert uri_keys("/v1/models?b=1&a=2") == uri_keys("/v1/models?a=2&b=1")
    assert uri_keys("/v1/models?a=1&a=2")[1] != uri_keys("/v1/models?a=2&a=1")[1]


def test_beta_in_the_query_and_a_prefix_of_the_path_are_volatile() -> None:
    plain, beta = uri_keys("/v1/models?limit=1"), uri_keys("/v1/models?beta=true&limit=1")
    prefixed = uri_keys("https://host/anthropic/v1/models?limit=1")
    assert len({plain[0], beta[0], prefixed[0]}) == 3
    assert len({plain[1], beta[1], prefixed[1]}) == 1


@pytest.mark.parametrize("uri", ["/v1/models/x", "/v1/models?limit=2", "/v1/models?beta=false", "/"])
def test_path_and_query_are_in_both_keys(uri: str) -> None:
    assert all(one != other for one, other in zip(uri_keys(uri), uri_keys("/v1/models"), strict=True))


def test_the_method_is_in_both_keys_in_upper_case() -> None:
    assert uri_keys("/v1/models", "get") == uri_keys("/v1/models", "GET")
    assert uri_keys("/v1/models", "HEAD")[1] != uri_keys("/v1/models", "GET")[1]


def with_betas(*values: str) -> Reading:
    return reading(post(BODY, headers=[*HEADERS, *(("Anthropic-Beta", value) for value in values)]))


def test_betas_are_a_set_in_the_normalised_key() -> None:
    one, other = with_betas("a-2025-01-01,b-2025-02-02"), with_betas("b-2025-02-02", "a-2025-01-01")
    assert one.normal() == other.normal()
    assert one.exact() != other.exact()
    assert one.normal() != with_betas("a-2025-01-01").normal()
    assert one.normal() != with_betas().normal()


def test_betas_that_were_not_kept_are_unknown() -> None:
    assert betas_of(()) == UNKNOWN
    assert betas_of((("anthropic-beta", "**REDACTED**"),)) == UNKNOWN
    assert betas_of(HEADERS) == ""
    assert betas_of((("anthropic-beta", "b, a"), ("Anthropic-Beta", "a"))) == "b, a,a"
    assert as_set("b, a,a") == "a,b"


def test_other_headers_are_in_no_key() -> None:
    other = reading(post(BODY, headers=[("anthropic-version", "2026-10-21"), ("x-stainless-lang", "go")]))
    assert (other.exact(), other.normal()) == (exact(BODY), normal(BODY))


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


@pytest.mark.parametrize(
    "wrong", [{"json_paths": ("a..b",)}, {"patterns": ("(",)}, {"patterns": ("a*",)}, {"json_paths": ("",)}]
)
def test_rules_that_cannot_be_followed_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RulesError, match=r"^the volatile (path|pattern) .*[.]$"):
        Rules(**wrong)


@given(st.binary(), st.text(), st.text(max_size=8))
def test_any_request_has_keys(body: bytes, uri: str, method: str) -> None:
    rules = Rules(json_paths=("*.*",), patterns=("[aeiou]",))
    read = reading(Request(method=method, uri=uri, headers=(("anthropic-beta", uri),), body=body), rules)
    assert (len(read.exact()), len(read.normal())) == (16, 16)


@given(st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, st.lists(inner, max_size=3) | inner)))
def test_any_shape_under_the_names_of_the_api_has_keys(value: Any) -> None:
    read = reading(Request(method="POST", uri=URI, body=json.dumps(value).encode()))
    assert (len(read.exact()), len(read.normal())) == (16, 16)


def test_a_body_that_is_nested_too_deeply_to_be_written_again_is_read_as_bytes() -> None:
    deep = reading(post(b"[" * 50_000 + b"]" * 50_000))
    assert deep.exact() != reading(post(b"[" * 50_001 + b"]" * 50_001)).exact()


def test_rules_are_values() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Rules(patterns=("x",))), type=Rules) == Rules(
        patterns=("x",)
    )
