"""What a cassette may hold: endpoints and headers, by allow-list.

Credentials and account data have paths of their own under the same base URL (`/v1/oauth/token`,
`/v1/vaults/...`, `/v1/tunnels/...`, `/v1/organizations/...`: `anthropic/resources` of the Python SDK), and
gateways add headers that nobody foresees. So nothing is kept that is not named here.
"""

from __future__ import annotations

from typing import Final

from tokentape.proxy.messages.routes import find_route

_METHODS: Final = {
    "/v1/messages": {"POST"},
    "/v1/messages/count_tokens": {"POST"},
    "/v1/messages/batches": {"GET", "POST"},
    "/v1/messages/batches/{id}": {"GET", "DELETE"},
    "/v1/messages/batches/{id}/cancel": {"POST"},
    "/v1/messages/batches/{id}/results": {"GET"},
    "/v1/models": {"GET"},
    "/v1/models/{id}": {"GET"},
    "/v1/files": {"GET", "POST"},
    "/v1/files/{id}": {"GET", "DELETE"},
    "/v1/files/{id}/content": {"GET"},
}

REQUEST_HEADERS: Final = frozenset(
    {
        "accept",
        "anthropic-beta",
        "anthropic-version",
        "content-type",
        "user-agent",
        "x-app",
        "x-stainless-helper",
        "x-stainless-helper-method",
        "x-stainless-lang",
        "x-stainless-package-version",
        "x-stainless-retry-count",
        "x-stainless-runtime",
        "x-stainless-runtime-version",
        "x-stainless-stream-helper",
        "x-stainless-timeout",
    }
)
"""Request headers that are kept: what the client asked for, and which client it was."""

RESPONSE_HEADERS: Final = frozenset(
    {
        "content-disposition",
        "content-type",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
    }
)
"""Response headers that are kept, beside those of `RESPONSE_PREFIXES`: what a client acts on."""

RESPONSE_PREFIXES: Final = ("anthropic-ratelimit-", "anthropic-priority-", "anthropic-fast-")
"""Rate limits, of all tiers: https://platform.claude.com/docs/en/api/rate-limits#response-headers."""


def recordable(method: str, target: str) -> bool:
    """Whether an exchange may be recorded; `target` is a path or a URI, with or without a query."""
    route = find_route(method.upper(), target)
    return method.upper() in _METHODS.get(route.endpoint, ())


def keeps_request_header(name: str) -> bool:
    """Whether a request header may be kept; `name` in any case."""
    return name.lower() in REQUEST_HEADERS


def keeps_response_header(name: str) -> bool:
    """Whether a response header may be kept; `name` in any case."""
    lowered = name.lower()
    return lowered in RESPONSE_HEADERS or lowered.startswith(RESPONSE_PREFIXES)
