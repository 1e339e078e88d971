from __future__ import annotations

import json

import pytest
from tests.recorder.scrubbing.traffic import JSON, block_text, deltas, event, reply, request, stream

from tokentape.recorder.cassette.interaction import Interaction
from tokentape.recorder.scrubbing.policy import Policy, PolicyError, steps_of
from tokentape.recorder.scrubbing.scrub import scrub, scrub_request, scrub_text


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"patterns": ("(",)}, "the redaction pattern '(' is no regular expression: "),
        ({"patterns": ("x*",)}, "the redaction pattern 'x*' matches the empty text; make it say more."),
        (
            {"json_paths": ("a..b",)},
            "the redaction path 'a..b' has an empty step; write it like metadata.tenant.",
        ),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(policy: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(**policy)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("path", ["$.a[*].b", "a.*.b", "a[*].b"])
def test_a_path_is_written_in_either_way(path: str) -> None:
    assert steps_of(path) == ("a", "*", "b")


def test_a_pattern_sees_strings_as_the_application_does() -> None:
    body = b'{"messages":[{"content":"Kunde \\u00c4rger\\n4711, \\"Kunde\\" 12"}]}'
    policy = Policy(patterns=(r"Ärger\n\d+", '"Kunde"'))
    clean = scrub_request(request(body), policy)
    assert json.loads(clean.body) == {"messages": [{"content": "Kunde REDACTED, REDACTED 12"}]}
    assert scrub_request(clean, policy) == clean


def test_a_patterns_groups_are_redacted_where_it_has_any() -> None:
    policy = Policy(patterns=(r"customer (\d+)(?: of (\w+))?",))
    assert (
        scrub_text("customer 12 of acme, customer 7", policy)
        == "customer REDACTED of REDACTED, customer REDACTED"
    )


def test_a_pattern_never_changes_names_of_members() -> None:
    clean = scrub_request(request({"tenant": "tenant", "n": 1}), Policy(patterns=("tenant",)))
    assert json.loads(clean.body) == {"tenant": "REDACTED", "n": 1}


def test_a_pattern_is_found_across_the_pieces_of_a_stream() -> None:
    events = [
        *deltas("text", ["Mr. Bl", "o", "ggs é ", "left"]),
        event({"type": "message_stop", "x": "Bloggs"}),
    ]
    policy = Policy(patterns=("Bloggs",))
    clean = scrub(Interaction(request=request(), response=stream(events)), policy)
    assert clean.response.body == b"".join(
        [
            *deltas("text", ["Mr. REDACTED", "", " é ", "left"]),
            event({"type": "message_stop", "x": "REDACTED"}),
        ]
    )
    assert scrub(clean, policy) == clean


def test_what_lies_around_a_known_secret_is_still_the_patterns() -> None:
    key = "AKIA" + "Q3EGRZ7XN2PLM5TB"
    assert scrub_text(f"from {key} to", Policy(patterns=("from .* to",))) == "REDACTED"


def test_a_greedy_pattern_settles() -> None:
    policy = Policy(patterns=("[A-Za-z]+",))
    once = scrub_text("a-b password: x", policy)
    assert once == "REDACTED-REDACTED REDACTED: REDACTED"
    assert scrub_text(once, policy) == once


def test_paths_redact_whole_values_in_documents_lines_and_events() -> None:
    policy = Policy(json_paths=("tenant.id", "$.rows[*].name", "rows.0.age", "delta.text"))
    asked = {"tenant": {"id": {"a": 1}}, "rows": [{"name": "x", "age": 3}, {"name": None, "age": 4}]}
    clean = scrub_request(request(asked), policy)
    assert json.loads(clean.body) == {
        "tenant": {"id": "REDACTED"},
        "rows": [{"name": "REDACTED", "age": "REDACTED"}, {"name": None, "age": 4}],
    }
    lines = scrub(Interaction(request=request(), response=reply(b'{"tenant":{"id":1}}\n{"b":2}\n')), policy)
    assert lines.response.body == b'{"tenant":{"id":"REDACTED"}}\n{"b":2}\n'
    events = scrub(Interaction(request=request(), response=stream(deltas("text", ["a", "b"]))), policy)
    assert block_text(events.response.body, "text") == "REDACTEDREDACTED"
    assert scrub(events, policy) == events


def test_headers_can_be_kept_and_redacted_by_name() -> None:
    policy = Policy(keep_headers=("X-Tenant", "Authorization"), redact_headers=("user-agent",))
    headers = (("x-tenant", "acme"), ("authorization", "Bearer x"), ("user-agent", "me/1"), ("x-odd", "1"))
    assert scrub_request(request(headers=headers), policy).headers == (
        JSON,
        ("x-tenant", "acme"),
        ("authorization", "REDACTED"),
        ("user-agent", "REDACTED"),
    )
