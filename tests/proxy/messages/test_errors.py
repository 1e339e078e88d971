"""Errors: types of low cardinality, never a message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.call import CallError
from tokentape.proxy.messages.errors import read_error, request_id_of, slug, type_of_status


def test_type_and_code_come_from_the_body_and_the_message_is_not_kept() -> None:
    body = {
        "type": "error",
        "error": {
            "type": "rate_limit_error",
            "message": "sk-secret is over its limit",
            "details": {"error_code": "ramp_limit_exceeded"},
        },
        "request_id": "req_1",
    }
    assert read_error(body, "api_error") == CallError(type="rate_limit_error", code="ramp_limit_exceeded")
    assert request_id_of(body) == "req_1"


@pytest.mark.parametrize(
    "body",
    [
        None,
        5,
        "text",
        [],
        {},
        {"error": None},
        {"error": "text"},
        {"error": {"type": 5}},
        {"error": {"type": "No such!"}},
    ],
)
def test_what_names_no_type_gets_the_fallback(body: Any) -> None:
    assert read_error(body, "overloaded_error") == CallError(type="overloaded_error")
    assert request_id_of(body) is None


@pytest.mark.parametrize("details", [None, [], "x", {}, {"error_code": 5}, {"error_code": "A sentence."}])
def test_odd_details_are_left_out(details: Any) -> None:
    error = {"error": {"type": "api_error", "details": details}}
    assert read_error(error, "x") == CallError(type="api_error")


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_a_status_has_a_type(status: int, error_type: str) -> None:
    assert type_of_status(status) == error_type


@given(st.text())
def test_a_slug_is_short_and_plain(text: str) -> None:
    found = slug(text)
    assert found is None or (found == text and found.isascii() and len(found) <= 64)
