"""Whose session an exchange is, and what its cassette is called."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.hashing import digest
from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.recording.session import file_name, session_of

SALT = b"salt"


def request(body: object = None, **headers: str) -> Request:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    uri = "https://api.anthropic.com/v1/messages"
    return Request(method="POST", uri=uri, headers=named, body=json.dumps(body).encode())


def test_claude_codes_own_header_comes_first() -> None:
    body = {"metadata": {"user_id": "u"}}
    assert session_of(request(body, X_Claude_Code_Session_Id="c-1"), "session=label", SALT) == "c-1"


def test_then_the_label_then_the_hashed_user() -> None:
    body = {"metadata": {"user_id": "u"}}
    assert session_of(request(body), "project=p,session=label", SALT) == "label"
    assert session_of(request(body), "project=p", SALT) == digest(SALT, b"user", b"u")


@pytest.mark.parametrize("body", [None, {}, {"metadata": None}, {"metadata": {"user_id": 7}}, ["metadata"]])
def test_without_any_it_is_that_of_its_project(body: object) -> None:
    assert session_of(request(body), "project=p", SALT) == "project-p"
    assert session_of(request(body), "", SALT) == "project-default"


@pytest.mark.parametrize(
    ("session", "readable"),
    [
        ("../../etc/passwd", "etc-passwd-"),
        (".hidden", "hidden-"),
        ("a b/c", "a-b-c-"),
        ("x" * 200, "x" * 80 + "-"),
    ],
)
def test_what_no_file_can_be_called_is_left_readable_and_marked(session: str, readable: str) -> None:
    name = file_name(session)
    assert (name[:-8], len(name[len(readable) :])) == (readable, 8)


def test_a_plain_id_is_the_name() -> None:
    assert file_name("5f0c1d-11.A_b") == "5f0c1d-11.A_b"


@given(st.text(max_size=300))
def test_a_name_is_short_plain_and_always_the_same(session: str) -> None:
    name = file_name(session)
    assert name == file_name(session)
    assert 0 < len(name) < 100
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>| \n\0')
    assert not name.startswith((".", "-"))


@given(st.text(max_size=120), st.text(max_size=120))
def test_two_sessions_have_two_names(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) == (one == other)
