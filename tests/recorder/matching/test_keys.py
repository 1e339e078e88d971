"""What is in a key, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.matching.bodies import BODY, exact, normal, reading
from tests.recorder.matching.conversations import HEADERS, post

from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.matching.keys import UNKNOWN, Reading, as_set, betas_of
from tokentape.recorder.matching.rules import Rules


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


@given(st.binary(), st.text(), st.text(max_size=8))
def test_any_request_has_keys(body: bytes, uri: str, method: str) -> None:
    rules = Rules(json_paths=("*.*",), patterns=("[aeiou]",))
    read = reading(Request(method=method, uri=uri, headers=(("anthropic-beta", uri),), body=body), rules)
    assert (len(read.exact()), len(read.normal())) == (16, 16)


def test_a_body_that_is_nested_too_deeply_to_be_written_again_is_read_as_bytes() -> None:
    deep = reading(post(b"[" * 50_000 + b"]" * 50_000))
    assert deep.exact() != reading(post(b"[" * 50_001 + b"]" * 50_001)).exact()
