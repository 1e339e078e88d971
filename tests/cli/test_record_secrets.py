"""Secrets planted wherever traffic has a place for them: none is in any file, whatever happens to us."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.proxy import eventually
from tests.support.recording import (
    GatedUpstream,
    RunningRecord,
    files_holding,
    gated_upstream,
    record,
    running_record,
)

from tokentape.recorder.cassette.store import load

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

API_KEY = "sk-ant-api03-" + "Qx7" * 28 + "AA"
OAUTH_TOKEN = "sk-ant-oat01-" + "Vb9" * 28 + "AA"
MCP_TOKEN = "mcp-Kd83nvLw02mZpQ"
COOKIE = "sessionKey=c00k13-9f2e71ab"
SET_COOKIE = "__cf_bm=cf-5d0a9e77"
ORGANISATION = "7c1e0d1a-55aa-4c0e-9f3b-1d2c3b4a5968"
USER = "user_9a8b7c6d_account__session_5e4f"
GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
IN_STREAM = "sk-ant-api03-" + "Hm4" * 28 + "AA"
IN_ERROR = "sk-ant-api03-" + "Wt2" * 28 + "AA"
IN_QUERY = "sk-ant-api03-" + "Ly6" * 28 + "AA"
SECRETS = (
    *(API_KEY, OAUTH_TOKEN, MCP_TOKEN, COOKIE.partition("=")[2], SET_COOKIE.partition("=")[2]),
    *(USER, GITHUB, IN_STREAM, IN_ERROR, IN_QUERY, ORGANISATION),
)

HEADERS = {
    "authorization": f"Bearer {OAUTH_TOKEN}",
    "x-api-key": API_KEY,
    "cookie": COOKIE,
    "content-type": "application/json",
    "connection": "close",
}
BODY = {
    "model": "claude-haiku-4-5",
    "max_tokens": 9,
    "stream": True,
    "metadata": {"user_id": USER},
    "mcp_servers": [{"type": "url", "url": "https://m.test", "name": "m", "authorization_token": MCP_TOKEN}],
    "messages": [{"role": "user", "content": f"my token is {GITHUB}, and the key {API_KEY}"}],
}


def event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def said() -> list[bytes]:
    """A stream with a key cut into three deltas, and those cut into pieces of 7 bytes."""
    deltas = (IN_STREAM[:20], IN_STREAM[20:50], IN_STREAM[50:])
    events = [
        event("message_start", message={"id": "msg_1", "usage": {"input_tokens": 1, "output_tokens": 1}}),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *[
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
            for text in deltas
        ],
        event("error", error={"type": "api_error", "message": f"key {IN_ERROR} is over its limit"}),
    ]
    stream = b"".join(events)
    return [stream[start : start + 7] for start in range(0, len(stream), 7)]


@pytest.fixture
def upstream() -> Generator[GatedUpstream]:
    headers = {"set_cookie": SET_COOKIE, "anthropic_organization_id": ORGANISATION}
    with gated_upstream(**headers) as server:
        yield server


def leaks(folder: Path, *more: str) -> list[str]:
    """Files that hold a secret. The ledger keeps the organisation that was billed, and nothing else of it."""
    places = files_holding(folder, [secret.encode() for secret in (*SECRETS[:-1], *more)])
    named = files_holding(folder, [ORGANISATION.encode()])
    return places + [place for place in named if "ledger.sqlite3" not in place]


def ask(running: RunningRecord) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(*running.address, timeout=30)
    connection.request("POST", f"/v1/messages?beta=true&key={IN_QUERY}", json.dumps(BODY), HEADERS)
    return connection.getresponse()


def test_no_secret_is_in_any_file_at_any_time(upstream: GatedUpstream, tmp_path: Path) -> None:
    """In the middle of a stream, in the journal, after kill -9 of everything, and in the cassette."""
    whole = b"".join(said())
    journal = tmp_path / "a.yaml.journal"
    with running_record(tmp_path, "a.yaml", upstream=upstream.url) as running:
        with ask(running) as first:
            upstream.say(*said(), b"")
            assert first.read() == whole  # the client has it all
        eventually(lambda: b"/v1/messages" in journal.read_bytes(), "the journal's first interaction")
        assert leaks(tmp_path) == []
        with ask(running) as second:
            upstream.say(*said()[:-4])
            assert second.read(500) == whole[:500]
            assert leaks(tmp_path) == []
            running.kill_all()
            upstream.say("close")
    assert leaks(tmp_path) == []
    again = record(tmp_path, "a.yaml", "--", "true", upstream=upstream.url)
    assert not any(secret in again.out + again.err for secret in SECRETS)
    assert (leaks(tmp_path), len(load(tmp_path / "a.yaml").interactions)) == ([], 1)


def test_no_secret_is_told_when_something_is_lost(upstream: GatedUpstream, tmp_path: Path) -> None:
    with running_record(tmp_path, "--drain", "0", "a.yaml", upstream=upstream.url) as running:
        with ask(running) as reply:
            upstream.say(*said()[:-4])
            assert reply.read(100)
            result = running.stop()
        upstream.say("close")
    assert result.status == 1
    assert "not recorded: POST /v1/messages at" in result.err
    assert not any(secret in result.out + result.err for secret in SECRETS)
    assert leaks(tmp_path) == []


def test_what_the_user_says_is_secret_is_redacted_too(upstream: GatedUpstream, tmp_path: Path) -> None:
    (tmp_path / "tokentape.toml").write_text(
        '[redact]\npatterns = ["PROJECT-[A-Z]+"]\njson_paths = ["system"]\n'
    )
    body = {
        **BODY,
        "system": "the plan is bold",
        "messages": [{"role": "user", "content": "see PROJECT-ZEBRA"}],
    }
    with running_record(tmp_path, "a.yaml", upstream=upstream.url) as running:
        connection = http.client.HTTPConnection(*running.address, timeout=30)
        connection.request("POST", "/v1/messages", json.dumps(body), HEADERS)
        upstream.say(*said(), b"")
        assert connection.getresponse().read()
        connection.close()
        running.stop()
    assert leaks(tmp_path, "PROJECT-ZEBRA", "the plan is bold") == []
    assert len(load(tmp_path / "a.yaml").interactions) == 1


def test_a_pattern_that_cannot_be_followed_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "tokentape.toml").write_text('[redact]\npattern = ["x"]\n')
    unknown = record(tmp_path, "a.yaml", "--", "true", upstream="http://127.0.0.1:9")
    (tmp_path / "tokentape.toml").write_text('[redact]\npatterns = ["("]\n')
    broken = record(tmp_path, "a.yaml", "--", "true", upstream="http://127.0.0.1:9")
    assert (unknown.status, broken.status) == (2, 2)
    assert "redact in" in unknown.err
    assert "has an unknown key 'pattern'" in unknown.err
    assert "is no regular expression" in broken.err
