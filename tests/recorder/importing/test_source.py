from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.recorder.importing.flows import flow, tnetstring
from tests.recorder.importing.test_har import entry, har
from tests.support import recordings

from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.importing.errors import ImportingError
from tokentape.recorder.importing.exchange import is_call
from tokentape.recorder.importing.source import import_source
from tokentape.recorder.scrubbing.check import find_leaks
from tokentape.recorder.scrubbing.policy import Policy

URL = "https://api.anthropic.com/v1/messages"
KEY = "sk-ant-api03-the-key-of-this-session-0001"
REQUEST: dict[str, Any] = {
    "method": "POST",
    "uri": URL,
    "body": json.dumps({"system": f"Key: {KEY}", "tenant": "acme"}),
    "headers": {"x-api-key": [KEY], "content-type": ["application/json"]},
}
RESPONSE: dict[str, Any] = {
    "status": {"code": 200, "message": "OK"},
    "headers": {"content-type": ["application/json"], "set-cookie": ["a=b"]},
    "body": {"string": "{}"},
}


def one(request: dict[str, Any] = REQUEST, response: dict[str, Any] = RESPONSE) -> dict[str, Any]:
    return {"version": 1, "interactions": [{"request": request, "response": response}]}


def parsed(side: dict[str, Any], value: Any) -> dict[str, Any]:
    """As pydantic-ai writes a JSON body."""
    return {key: each for key, each in side.items() if key != "body"} | {"parsed_body": value}


LAYOUTS = {
    "yaml": yaml.safe_dump(one()).encode(),
    "json": json.dumps(one()).encode(),
    "gzipped": gzip.compress(yaml.safe_dump(one()).encode()),
    "two lists": yaml.safe_dump({"requests": [REQUEST], "responses": [RESPONSE]}).encode(),
    "two lists, gzipped": gzip.compress(
        yaml.safe_dump({"requests": [REQUEST], "responses": [RESPONSE]}).encode()
    ),
    "parsed_body": yaml.safe_dump(
        one(parsed(REQUEST, json.loads(REQUEST["body"])), parsed(RESPONSE, {}))
    ).encode(),
    "gzipped bodies": yaml.safe_dump(
        one(
            response=RESPONSE
            | {
                "headers": {"content-type": ["application/json"], "content-encoding": ["gzip"]},
                "body": {"string": gzip.compress(b"{}")},
            }
        )
    ).encode(),
    "har": har(
        entry(
            request={
                "method": "POST",
                "url": URL,
                "headers": [{"name": "content-type", "value": "application/json"}],
                "postData": {"text": REQUEST["body"]},
            }
        )
    ),
    "mitmproxy": tnetstring(
        flow(
            request={
                "path": b"/v1/messages",
                "content": REQUEST["body"].encode(),
                "headers": [[b"content-type", b"application/json"], [b"x-api-key", KEY.encode()]],
            },
            response={"content": b"{}"},
        )
    ),
}


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_layout_comes_in_without_its_secrets(layout: str) -> None:
    found = import_source(LAYOUTS[layout], "x")
    kinds = {"har": "har", "mitmproxy": "mitmproxy"}
    assert found.kind == kinds.get(layout, "vcrpy")
    assert (found.cassette.metadata, found.left_out) == ({"imported_from": found.kind}, ())
    (interaction,) = found.cassette.interactions
    request, response = interaction.request, interaction.response
    assert (request.method, request.uri, request.headers) == (
        "POST",
        URL,
        (("content-type", "application/json"),),
    )
    assert json.loads(request.body) == {"system": "Key: REDACTED-api-key", "tenant": "acme"}
    assert (response.status, response.headers) == (200, (("content-type", "application/json"),))
    assert json.loads(response.body) == {}


def test_a_users_own_rules_hold_for_what_is_imported() -> None:
    found = import_source(LAYOUTS["yaml"], "x", Policy(json_paths=("tenant",)))
    assert json.loads(found.cassette.interactions[0].request.body)["tenant"] == "REDACTED"


def test_what_is_no_call_to_the_api_is_left_out_and_named() -> None:
    others = [
        REQUEST | {"uri": "https://example.com/a?token=1", "method": "GET"},
        REQUEST | {"uri": "https://api.anthropic.com/v1/oauth/token"},
        REQUEST,
    ]
    data = json.dumps(
        {"interactions": [{"request": other, "response": RESPONSE} for other in others]}
    ).encode()
    found = import_source(data, "x")
    assert len(found.cassette.interactions) == 1
    assert found.left_out == ("GET https://example.com/a", "POST https://api.anthropic.com/v1/oauth/token")


@pytest.mark.parametrize(
    ("uri", "headers", "ours"),
    [
        (URL, (), True),
        ("https://api.eu.anthropic.com/v1/messages", (), True),
        ("http://localhost:4000/v1/messages", (("Anthropic-Version", "2023-06-01"),), True),
        ("https://api.openai.com/v1/models", (), False),
        ("https://notanthropic.com/v1/messages", (), False),
    ],
)
def test_a_call_is_known_by_its_host_or_by_its_version(
    uri: str, headers: tuple[tuple[str, str], ...], *, ours: bool
) -> None:
    method = "GET" if uri.endswith("models") else "POST"
    assert is_call(Request(method=method, uri=uri, headers=headers)) is ours


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" \n", "x is empty: there is nothing to import."),
        (b"[1]", "x is no cassette: it holds no mapping with a list of interactions."),
        (b"\x1f\x8bnot", "x cannot be unzipped: "),
        (b'{"log": 1}', "x is no HAR: "),
        (b"3:abc", "x is no whole flow file: "),
        (json.dumps(one(response={})).encode(), "x: interaction 0 has no `status` in its response."),
    ],
)
def test_what_is_wrong_with_a_source_is_one_sentence(data: bytes, said: str) -> None:
    with pytest.raises(ImportingError) as caught:
        import_source(data, "x")
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(".")


@pytest.mark.slow
def test_a_suite_of_others_comes_in_whole_and_clean() -> None:
    folder = recordings.folder()
    if folder is None:
        pytest.skip(f"{recordings.VARIABLE} names no folder of recordings")
    suite = folder / "langchain-ai__langchain"
    found = {path: import_source(path.read_bytes(), path.name) for path in sorted(suite.rglob("*.yaml"))}
    expected = [one for one in recordings.load(folder) if Path(one.file).parts[0] == suite.name]
    count = sum(len(one.cassette.interactions) for one in found.values())
    assert count + sum(len(one.left_out) for one in found.values()) >= len(expected)
    assert count == sum(one.path != "/v1/complete" for one in expected)
    assert [leak for one in found.values() for leak in find_leaks(one.cassette)] == []
