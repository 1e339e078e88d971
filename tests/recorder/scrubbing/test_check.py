from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.recorder.scrubbing.planted import IN_MEMBERS, IN_TEXT, SHAPED, VALUE, secret_of
from tests.recorder.scrubbing.traffic import JSON, deltas, places, reply, request, stream
from tests.support import recordings

from tokentape.recorder.cassette.interaction import Cassette, Interaction, Request, Response
from tokentape.recorder.scrubbing.check import Leak, find_leaks
from tokentape.recorder.scrubbing.scrub import scrub

if TYPE_CHECKING:
    from pathlib import Path

PLANTED = {**SHAPED, **IN_TEXT}


def leaks(*interactions: Interaction) -> list[Leak]:
    return find_leaks(Cassette(interactions=interactions))


@pytest.mark.parametrize("place", sorted(places("")))
def test_every_planted_secret_is_found_in_every_place(place: str) -> None:
    missed = [kind for kind, text in PLANTED.items() if not leaks(places(text)[place])]
    assert missed == []


@pytest.mark.parametrize("place", sorted(places("")))
def test_nothing_is_found_once_it_was_scrubbed(place: str) -> None:
    left = {kind: leaks(scrub(places(text)[place])) for kind, text in PLANTED.items()}
    assert {kind: found for kind, found in left.items() if found} == {}


@pytest.mark.parametrize("name", IN_MEMBERS)
def test_members_named_like_secrets_are_found(name: str) -> None:
    assert leaks(Interaction(request=request({"a": {name: VALUE}}), response=reply({})))


def test_a_leak_says_where_and_shows_too_little_to_use() -> None:
    secret = SHAPED["github"]
    events = deltas("text", [f"It is {secret[:9]}", secret[9:]])
    quiet = Interaction(request=request(), response=reply({}))
    assert leaks(quiet, Interaction(request=request(), response=stream(events))) == [
        Leak(interaction=1, place="response body", kind="github-token", sample="ghp_… (40 characters)")
    ]
    for text in PLANTED.values():
        for leak in leaks(places(text)["message"]):
            assert secret_of(text) not in leak.sample


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("authorization", "Bearer abc.def", "credential"),
        ("X-Api-Key", "abcdefgh", "credential"),
        ("cookie", "session=12345678; theme=dark", "cookie"),
        ("anthropic-organization-id", "0f7b5c1e-9d2a-4c3b-8a65-2f1f0c9d7e44", "organization-id"),
        ("anthropic-workspace-id", "0f7b5c1e-9d2a-4c3b-8a65-2f1f0c9d7e44", "workspace-id"),
    ],
)
def test_headers_that_hold_secrets_are_found_by_name(name: str, value: str, kind: str) -> None:
    sent = request(headers=((name, value),))
    got = msgspec.structs.replace(reply({}), headers=(JSON, (name, value)))
    found = leaks(Interaction(request=sent, response=got))
    assert [(leak.place, leak.kind) for leak in found] == [
        (f"request header {name.lower()}", kind),
        (f"response header {name.lower()}", kind),
    ]


@pytest.mark.parametrize(
    "value", ["REDACTED", "**REDACTED**", "<api-key>", "${KEY}", "XXXXXX", "", "your-key"]
)
def test_what_other_recorders_put_for_a_secret_is_none(value: str) -> None:
    sent = request({"api_key": value}, headers=(("x-api-key", value), ("authorization", f"Bearer {value}")))
    assert leaks(Interaction(request=sent, response=reply({}))) == []


def test_ids_hashes_media_and_signatures_are_no_secrets() -> None:
    run = "AKIA" + "Q3EGRZ7XN2PLM5TB"
    data = f"{run}/SK{'0' * 32}+{run * 10}=="
    hashes = {name: hashlib.new(name, b"x").hexdigest() for name in ("md5", "sha1", "sha256")}
    body = {
        "ids": [
            "msg_01AbCdEfGhIjKlMnOpQrStUv",
            "toolu_01AbCdEfGhIjKlMnOpQrStUv",
            "req_011CSHoEeqs5C35K2UUqR7Fy",
        ],
        "hashes": hashes,
        "text": f"commit {hashes['sha1']}, max_tokens=1024, token: str, password = get_password(user1, 2)",
        "source": {"type": "base64", "data": data},
        "signature": data,
        "link": f"data:image/png;base64,{data}",
        "usage": {"input_tokens": 12, "cache_creation_input_tokens": 0},
    }
    assert leaks(Interaction(request=request(body), response=reply(body))) == []


def corpus() -> list[Interaction]:
    """Everything that other projects recorded, as our interactions, headers and all."""
    folder: Path | None = recordings.folder()
    if folder is None:
        pytest.skip(f"{recordings.VARIABLE} names no folder of recordings")
    return [
        Interaction(
            request=Request(
                method=one.method, uri=one.url, headers=one.request_headers, body=one.request_body
            ),
            response=Response(status=one.status, headers=one.response_headers, body=one.body),
        )
        for one in recordings.load(folder)
    ]


@pytest.mark.slow
def test_the_recordings_of_others_hold_ids_and_cookies_and_no_false_alarm() -> None:
    """Each of these was looked at: organisation, workspace and user ids and Cloudflare's cookie, all real."""
    interactions = corpus()
    found = leaks(*interactions)
    assert {(leak.kind, leak.place) for leak in found} == {
        ("cookie", "response header set-cookie"),
        ("organization-id", "response header anthropic-organization-id"),
        ("user-id", "request body"),
        ("workspace-id", "response header anthropic-workspace-id"),
    }
    clean = [scrub(interaction) for interaction in interactions]
    assert leaks(*clean) == []
    assert [scrub(interaction) for interaction in clean] == clean


@pytest.mark.slow
def test_scrubbing_changes_nothing_else_in_the_recordings_of_others() -> None:
    changed = [
        (before.response.body, after.response.body)
        for before in corpus()
        if (after := scrub(before)).response.body != before.response.body
    ]
    assert changed == []
