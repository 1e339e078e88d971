from __future__ import annotations

import pytest

from tokentape.recorder.scrubbing.allowed import keeps_request_header, keeps_response_header, recordable


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/messages"),
        ("post", "/v1/messages?beta=true"),
        ("POST", "https://api.anthropic.com/v1/messages"),
        ("POST", "/anthropic/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/messages/batches"),
        ("GET", "/v1/messages/batches?limit=5"),
        ("GET", "/v1/messages/batches/msgbatch_1"),
        ("DELETE", "/v1/messages/batches/msgbatch_1"),
        ("POST", "/v1/messages/batches/msgbatch_1/cancel"),
        ("GET", "/v1/messages/batches/msgbatch_1/results"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/claude-sonnet-4-5"),
        ("POST", "/v1/files"),
        ("GET", "/v1/files/file_1/content"),
    ],
)
def test_what_the_api_says_about_messages_models_and_files_is_recorded(method: str, target: str) -> None:
    assert recordable(method, target)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/oauth/token"),
        ("POST", "/v1/tunnels/t_1/reveal_token"),
        ("GET", "/v1/vaults/v_1/credentials"),
        ("GET", "/v1/organizations/me"),
        ("POST", "/v1/complete"),
        ("GET", "/v1/sessions/s_1/events/stream"),
        ("HEAD", "/"),
        ("GET", "/v1/messages"),
        ("PUT", "/v1/models"),
        ("POST", "/v1/messages/batches/msgbatch_1/results"),
        ("POST", "/v1/messages/anything"),
        ("POST", "/v1/oauth/token/v1/messages"),
        ("POST", ""),
    ],
)
def test_nothing_else_is_recorded(method: str, target: str) -> None:
    assert not recordable(method, target)


def test_headers_are_kept_by_name_in_any_case() -> None:
    assert keeps_request_header("Anthropic-Beta")
    assert keeps_response_header("Anthropic-RateLimit-Requests-Remaining")
    for name in ("authorization", "x-api-key", "cookie", "x-claude-code-session-id", "traceparent"):
        assert not keeps_request_header(name)
    for name in ("set-cookie", "anthropic-organization-id", "anthropic-workspace-id", "cf-ray", "date"):
        assert not keeps_response_header(name)
