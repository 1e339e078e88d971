"""Routes: few names for all paths."""

from __future__ import annotations

import re
from pathlib import Path

import anthropic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.routes import OTHER, Route, find_route


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/messages", "/v1/messages"),
        ("/v1/messages?beta=true", "/v1/messages"),
        ("/v1/messages#x", "/v1/messages"),
        ("https://api.anthropic.com/v1/messages?beta=true", "/v1/messages"),
        ("/anthropic/v1/messages", "/v1/messages"),
        ("/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/v1/messages/batches", "/v1/messages/batches"),
        ("/v1/messages/batches/msgbatch_1", "/v1/messages/batches/{id}"),
        ("/v1/messages/batches/msgbatch_1/results", "/v1/messages/batches/{id}/results"),
        ("/v1/messages/batches/msgbatch_1/cancel", "/v1/messages/batches/{id}/cancel"),
        ("/v1/models", "/v1/models"),
        ("/v1/models/claude-opus-4-1", "/v1/models/{id}"),
        ("/v1/files/file_1/content", "/v1/files/{id}/content"),
        ("/v1/oauth/token", "/v1/oauth/token"),
        ("/v1/sessions/s/events/stream", "/v1/sessions/{id}/events/stream"),
        ("/v1/environments/e/work/poll", "/v1/environments/{id}/work/poll"),
        ("/v1/environments/e/work/w_1", "/v1/environments/{id}/work/{id}"),
        ("/v1/organizations/me", "/v1/organizations/{path}"),
        ("/v1/organizations/workspaces/w/members/u", "/v1/organizations/{path}"),
        ("/v1/tunnels/t/reveal_token", "/v1/tunnels/{id}/reveal_token"),
        ("/v1/messages/", OTHER),
        ("/v1/messages/msg_1", OTHER),
        ("/v1/messagesx", OTHER),
        ("/v1/organizationsx", OTHER),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict", OTHER),
        ("/", OTHER),
        ("", OTHER),
        ("*", OTHER),
    ],
)
def test_ids_become_templates_and_the_rest_is_other(path: str, endpoint: str) -> None:
    assert find_route("GET", path).endpoint == endpoint


def test_only_posted_messages_have_a_message_for_a_reply() -> None:
    assert find_route("POST", "/v1/messages") == Route(
        "/v1/messages", messages_request=True, message_reply=True
    )
    assert find_route("POST", "/v1/messages/count_tokens") == Route(
        "/v1/messages/count_tokens", messages_request=True
    )
    assert find_route("POST", "/v1/messages/batches") == Route("/v1/messages/batches", creates_batch=True)
    assert find_route("GET", "/v1/messages") == Route("/v1/messages")


def test_a_batch_is_known_by_its_id() -> None:
    results = find_route("GET", "/v1/messages/batches/msgbatch_7/results?x=1")
    assert results == Route("/v1/messages/batches/{id}/results", fetches_results=True, batch_id="msgbatch_7")
    assert find_route("GET", "/v1/messages/batches/" + "x" * 500).batch_id == "x" * 128
    assert find_route("GET", "/v1/files/batches/x").batch_id is None


def sdk_paths() -> list[str]:
    """Every path that the official SDK sends, ids filled in."""
    sources = Path(anthropic.__file__).parent.joinpath("resources").rglob("*.py")
    found = {path for source in sources for path in re.findall(r'"(/v1/[^"?]*)', source.read_text("utf-8"))}
    return sorted(re.sub(r"\{[^}]*\}", "some_id", path) for path in found)


def test_every_path_of_the_official_sdk_has_a_template() -> None:
    paths = sdk_paths()
    assert len(paths) > 100
    assert [path for path in paths if find_route("GET", path).endpoint == OTHER] == []


@given(st.text(), st.text())
def test_any_target_has_a_route(method: str, target: str) -> None:
    assert isinstance(find_route(method, target), Route)


@given(st.lists(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), max_size=8))
def test_endpoints_are_few_whatever_the_path(segments: list[str]) -> None:
    endpoint = find_route("GET", "/v1/" + "/".join(segments)).endpoint
    words = set(re.findall(r"[a-z_]+", endpoint)) - {"v", "id", "path"}
    assert endpoint == OTHER or words <= set(segments)
