from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.scrubbing.planted import IN_MEMBERS, IN_TEXT, SHAPED, VALUE, secret_of
from tests.recorder.scrubbing.traffic import (
    JSON,
    KEY,
    MESSAGES,
    all_bytes,
    block_text,
    deltas,
    places,
    reply,
    request,
    stream,
)

from tokentape.recorder.cassette.interaction import Arrival, Ending, Interaction
from tokentape.recorder.scrubbing.policy import Policy
from tokentape.recorder.scrubbing.scrub import scrub, scrub_request, scrub_text

PLANTED = {**SHAPED, **IN_TEXT}
QUIET = st.sampled_from(
    [
        "",
        " ",
        "\n",
        "and ",
        'say "hi" ',
        "é ",
        "🙂",
        "key=",
        "password",
        "\\",
        "C:\\new ",
        "x",
        "{",
        "}",
        "'",
        "0",
    ]
)
LOUD = st.one_of(QUIET, st.sampled_from(sorted(PLANTED.values())))
TEXTS = st.lists(LOUD, max_size=6).map("".join)


def remains(text: str) -> list[bytes]:
    """What of a planted text nobody may find: for a key block, each of its lines."""
    secret = secret_of(text)
    return [line.encode() for line in secret.splitlines() if "PRIVATE KEY" not in line]


@pytest.mark.parametrize("place", sorted(places("")))
@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_no_secret_is_left_in_any_place(kind: str, place: str) -> None:
    dirty = places(PLANTED[kind])[place]
    clean = all_bytes(scrub(dirty))
    assert [line for line in remains(PLANTED[kind]) if line in clean] == []
    assert b"REDACTED" in clean


@pytest.mark.parametrize("place", sorted(places("")))
def test_scrubbing_again_changes_nothing(place: str) -> None:
    for text in PLANTED.values():
        once = scrub(places(text)[place])
        assert scrub(once) == once


@pytest.mark.parametrize("kind", sorted(PLANTED))
@pytest.mark.parametrize("field", ["text", "thinking", "partial_json"])
def test_a_secret_cut_at_any_point_of_a_stream_is_found(kind: str, field: str) -> None:
    text = f"Here: {PLANTED[kind]} (done)"
    whole = json.dumps({"command": text}) if field == "partial_json" else text
    expected = scrub_text(whole)
    for cut in range(1, len(whole)):
        events = deltas(field, [whole[:cut], whole[cut:]])
        clean = scrub(Interaction(request=request(), response=stream(events))).response
        assert block_text(clean.body, field) == expected
        assert clean.body.count(b"\n\n") == 2


@given(st.data(), TEXTS)
def test_a_stream_in_any_pieces_says_what_the_whole_text_says(data: st.DataObject, text: str) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    other = deltas("text", ["between"] * len(pieces), index=1)
    events = [one for pair in zip(deltas("text", pieces), other, strict=True) for one in pair]
    clean = scrub(Interaction(request=request(), response=stream(events))).response
    assert block_text(clean.body, "text") == scrub_text(text)
    assert block_text(clean.body, "text", 1) == "between" * len(pieces)
    assert clean.body.count(b"\n\n") == len(events)


@given(TEXTS)
def test_a_text_is_scrubbed_the_same_at_any_depth_of_json(text: str) -> None:
    """Else a reply and the next request, which repeats it, would part."""
    deep = text
    for _ in range(3):
        deep = json.dumps(deep)
    clean = scrub_text(deep)
    for _ in range(3):
        clean = json.loads(clean)
    assert clean == scrub_text(text)


@given(TEXTS)
def test_a_text_scrubbed_again_stays_as_it_is(text: str) -> None:
    assert scrub_text(scrub_text(text)) == scrub_text(text)


@given(st.text(), st.binary())
def test_whatever_comes_is_scrubbed_without_an_error(text: str, data: bytes) -> None:
    scrub_text(text)
    policy = Policy(patterns=("[0-9]{3}",), json_paths=("a.*",))
    for response in (reply(data), stream([data])):
        once = scrub(Interaction(request=request(data), response=response), policy)
        assert scrub(once, policy) == once


@pytest.mark.parametrize("name", IN_MEMBERS)
def test_members_named_like_secrets_lose_their_values_at_any_depth(name: str) -> None:
    text = json.dumps({name: VALUE, "other": 1})
    for _ in range(3):
        clean = scrub_text(text)
        assert VALUE not in clean
        json.loads(clean)
        text = json.dumps({"nested": text})


def test_an_mcp_servers_token_is_redacted() -> None:
    body = {"mcp_servers": [{"type": "url", "url": "https://mcp.example", "authorization_token": "short"}]}
    assert json.loads(scrub_request(request(body)).body)["mcp_servers"][0] == {
        "type": "url",
        "url": "https://mcp.example",
        "authorization_token": "REDACTED-token",
    }


@pytest.mark.parametrize(
    "user_id", ["a", "user_1", json.dumps({"device_id": "d" * 64, "session_id": "s"}), 'odd "one"\\']
)
@pytest.mark.parametrize("batch", [False, True])
def test_the_user_id_is_redacted_in_requests(user_id: str, *, batch: bool) -> None:
    params: dict[str, object] = {
        "model": "m",
        "metadata": {"other": "kept", "user_id": user_id},
        "messages": [],
    }
    clean = json.loads(scrub_request(request({"requests": [{"params": params}]} if batch else params)).body)
    found = clean["requests"][0]["params"] if batch else clean
    assert found == {**params, "metadata": {"other": "kept", "user_id": "REDACTED-user-id"}}


def test_a_tools_own_user_id_is_left_alone() -> None:
    block = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"user_id": "42"}}
    asked = request({"messages": [{"role": "assistant", "content": [block]}], "metadata": None})
    assert scrub_request(asked) == asked


def test_requests_made_with_two_keys_and_users_are_the_same() -> None:
    def made(key: str, user: str) -> Interaction:
        body = {"system": f"Key {key}.", "metadata": {"user_id": user}, "max_tokens": 5}
        headers = (("authorization", f"Bearer {key}"), ("x-api-key", key), ("cookie", f"c={key}"))
        return Interaction(request=request(body, headers=headers), response=reply({"echo": key}))

    assert scrub(made(KEY, "one")) == scrub(made("plain-key-without-any-shape", "two"))


def test_the_requests_own_credential_is_found_in_a_reply_whatever_its_shape() -> None:
    sent = request({}, headers=(("x-api-key", "correct-horse-battery"),))
    error = {"error": {"message": "invalid x-api-key (correct-horse-battery)"}}
    clean = scrub(Interaction(request=sent, response=reply(error, status=401))).response
    assert json.loads(clean.body) == {"error": {"message": "invalid x-api-key (REDACTED-api-key)"}}


def test_only_headers_of_the_lists_are_kept() -> None:
    sent = request(
        {}, headers=(("Authorization", "Bearer x"), ("X-Odd", "1"), ("Anthropic-Version", "2023-06-01"))
    )
    got = msgspec.structs.replace(
        reply({}),
        headers=(
            JSON,
            ("Set-Cookie", "a=b"),
            ("anthropic-organization-id", "o"),
            ("request-id", "req_1"),
            ("anthropic-ratelimit-tokens-limit", "9"),
        ),
    )
    clean = scrub(Interaction(request=sent, response=got))
    assert clean.request.headers == (JSON, ("Anthropic-Version", "2023-06-01"))
    assert clean.response.headers == (
        JSON,
        ("request-id", "req_1"),
        ("anthropic-ratelimit-tokens-limit", "9"),
    )


def test_media_and_signatures_are_never_touched() -> None:
    """Even where they look like a key of one kind or another."""
    run = "AKIA" + "Q3EGRZ7XN2PLM5TB"
    data = f"{run}/eyJ{run * 20}+{run}=="
    body = {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
                    {"type": "thinking", "thinking": "hm", "signature": data},
                    {"type": "redacted_thinking", "data": data},
                    {"type": "web_search_result", "encrypted_content": data},
                    {"type": "text", "text": f"data:image/png;base64,{data}"},
                ],
            }
        ]
    }
    asked = request(body)
    policy = Policy(patterns=("AKIA[A-Z0-9]+(?!.*data:)",))
    assert scrub_request(asked) == asked
    clean = json.loads(scrub_request(asked, policy).body)["messages"][0]["content"]
    assert clean[:4] == body["messages"][0]["content"][:4]


@pytest.mark.parametrize("member", ["data", "signature"])
@pytest.mark.parametrize("after", ["", "\n"])
def test_a_token_is_no_media_by_the_name_of_its_member(member: str, after: str) -> None:
    """A text document has its text under `data`, as media have theirs."""
    token = PLANTED["anthropic"]
    clean = scrub_request(request({"source": {"type": "text", member: token + after}}))
    assert json.loads(clean.body) == {"source": {"type": "text", member: f"REDACTED-api-key{after}"}}


@pytest.mark.parametrize(
    "header",
    [("helicone-auth", f"Bearer {VALUE}"), ("cookie", f"a=1; sid={VALUE}"), ("x-goog-api-key", VALUE)],
)
def test_a_gateways_credential_is_found_in_a_reply(header: tuple[str, str]) -> None:
    error = reply({"error": {"message": f"{VALUE} is not known"}}, status=401)
    clean = scrub(Interaction(request=request(headers=(header,)), response=error))
    assert json.loads(clean.response.body) == {"error": {"message": "REDACTED-api-key is not known"}}


def test_what_has_no_secret_comes_back_as_it_was() -> None:
    odd = b'{ "a" : 1.50,\r\n "b":"\\u00e9 max_tokens=1024 password reset, sk-learn, task-force-1-two" }'
    same = Interaction(request=request(odd), response=reply(odd))
    assert scrub(same) == same


def test_arrivals_follow_the_bytes_they_brought() -> None:
    secret = SHAPED["aws"]
    events = deltas("text", ["a ", secret[:5], secret[5:], " z"])
    clean = scrub(Interaction(request=request(), response=stream(events))).response
    expected = deltas("text", ["a ", "REDACTED-aws-key", "", " z"])
    assert clean.body == b"".join(expected)
    assert clean.timing is not None
    assert clean.timing.arrivals == tuple(
        Arrival(at=float(i), size=len(e)) for i, e in enumerate(expected, 1)
    )


def test_the_beginning_of_a_token_at_the_end_of_a_broken_stream_is_redacted() -> None:
    half = SHAPED["github"][:20]
    for ending, left in (
        (Ending.CLIENT_ABORT, "It is REDACTED-github-token"),
        (Ending.COMPLETE, f"It is {half}"),
    ):
        cut = stream(deltas("text", ["It is ", half]), ending=ending)
        clean = scrub(Interaction(request=request(), response=cut)).response
        assert block_text(clean.body, "text") == left


@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        (f"{MESSAGES}?beta=true", f"{MESSAGES}?beta=true"),
        ("https://me:pw@api.anthropic.com/v1/models", "https://api.anthropic.com/v1/models"),
        (f"{MESSAGES}?key=abc&limit=5", f"{MESSAGES}?key=REDACTED-parameter&limit=5"),
        (f"{MESSAGES}?x={KEY}", f"{MESSAGES}?x=REDACTED-api-key"),
        (f"{MESSAGES}?x={KEY.replace('-', '%2D')}", f"{MESSAGES}?x=REDACTED-api-key"),
        (f"https://api.anthropic.com/v1/files/{KEY}", "https://api.anthropic.com/v1/files/REDACTED-api-key"),
        (f"{MESSAGES}?after_id=msgbatch_01A&limit=", f"{MESSAGES}?after_id=msgbatch_01A&limit="),
    ],
)
def test_uris_lose_their_secrets_and_nothing_else(uri: str, kept: str) -> None:
    clean = scrub_request(request(uri=uri))
    assert clean.uri == kept
    assert scrub_request(clean) == clean


def test_an_event_stream_may_end_its_lines_in_any_way() -> None:
    secret = SHAPED["anthropic"]
    for end in (b"\n", b"\r\n", b"\r"):
        body = b"".join(deltas("text", [secret[:9], secret[9:]])).replace(b"\n", end)
        clean = scrub(Interaction(request=request(), response=stream([body]))).response
        assert block_text(clean.body, "text") == "REDACTED-api-key"
        assert clean.body.count(end) == body.count(end)
