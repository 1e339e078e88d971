"""Routes: what an HTTP request asks of the API, as one of few names.

The templates are the paths of the official SDK (`anthropic/resources` of the Python SDK 2.x), ids
replaced by `{id}`. Administration has far too many for a label and counts as one. A path that is
not here is `other`: it is carried and counted, and its bodies are left alone.
"""

from __future__ import annotations

import functools
import re
from typing import Final, NamedTuple

OTHER: Final = "other"
MESSAGES: Final = "/v1/messages"
COUNT_TOKENS: Final = "/v1/messages/count_tokens"
BATCHES: Final = "/v1/messages/batches"
RESULTS: Final = "/v1/messages/batches/{id}/results"

_MAX_ID: Final = 128
_MAX_CACHED: Final = 256
"""Characters of a target that is remembered; what others send must not fill memory."""


class Route(NamedTuple):
    """Where a request goes and what its bodies are."""

    endpoint: str
    """The `endpoint` label."""
    messages_request: bool = False
    """The request body is the parameters of one message."""
    message_reply: bool = False
    """The reply is a message with usage, or a stream of one."""
    creates_batch: bool = False
    """The reply names the batch that the request created."""
    fetches_results: bool = False
    """The reply is the results of a batch, a line each."""
    batch_id: str | None = None
    """The batch that the path names."""


_TEMPLATES: Final = (
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/messages/batches",
    "/v1/messages/batches/{id}",
    "/v1/messages/batches/{id}/cancel",
    "/v1/messages/batches/{id}/results",
    "/v1/complete",
    "/v1/models",
    "/v1/models/{id}",
    "/v1/files",
    "/v1/files/{id}",
    "/v1/files/{id}/content",
    "/v1/skills",
    "/v1/skills/{id}",
    "/v1/skills/{id}/versions",
    "/v1/skills/{id}/versions/{id}",
    "/v1/skills/{id}/versions/{id}/content",
    "/v1/agents",
    "/v1/agents/{id}",
    "/v1/agents/{id}/archive",
    "/v1/agents/{id}/versions",
    "/v1/sessions",
    "/v1/sessions/{id}",
    "/v1/sessions/{id}/archive",
    "/v1/sessions/{id}/events",
    "/v1/sessions/{id}/events/stream",
    "/v1/sessions/{id}/resources",
    "/v1/sessions/{id}/resources/{id}",
    "/v1/sessions/{id}/threads",
    "/v1/sessions/{id}/threads/{id}",
    "/v1/sessions/{id}/threads/{id}/archive",
    "/v1/sessions/{id}/threads/{id}/events",
    "/v1/sessions/{id}/threads/{id}/stream",
    "/v1/environments",
    "/v1/environments/{id}",
    "/v1/environments/{id}/archive",
    "/v1/environments/{id}/work",
    "/v1/environments/{id}/work/poll",
    "/v1/environments/{id}/work/stats",
    "/v1/environments/{id}/work/{id}",
    "/v1/environments/{id}/work/{id}/ack",
    "/v1/environments/{id}/work/{id}/heartbeat",
    "/v1/environments/{id}/work/{id}/stop",
    "/v1/memory_stores",
    "/v1/memory_stores/{id}",
    "/v1/memory_stores/{id}/archive",
    "/v1/memory_stores/{id}/memories",
    "/v1/memory_stores/{id}/memories/{id}",
    "/v1/memory_stores/{id}/memory_versions",
    "/v1/memory_stores/{id}/memory_versions/{id}",
    "/v1/memory_stores/{id}/memory_versions/{id}/redact",
    "/v1/deployments",
    "/v1/deployments/{id}",
    "/v1/deployments/{id}/archive",
    "/v1/deployments/{id}/pause",
    "/v1/deployments/{id}/run",
    "/v1/deployments/{id}/unpause",
    "/v1/deployment_runs",
    "/v1/deployment_runs/{id}",
    "/v1/dreams",
    "/v1/dreams/{id}",
    "/v1/dreams/{id}/archive",
    "/v1/dreams/{id}/cancel",
    "/v1/vaults",
    "/v1/vaults/{id}",
    "/v1/vaults/{id}/archive",
    "/v1/vaults/{id}/credentials",
    "/v1/vaults/{id}/credentials/{id}",
    "/v1/vaults/{id}/credentials/{id}/archive",
    "/v1/vaults/{id}/credentials/{id}/mcp_oauth_validate",
    "/v1/tunnels",
    "/v1/tunnels/{id}",
    "/v1/tunnels/{id}/archive",
    "/v1/tunnels/{id}/certificates",
    "/v1/tunnels/{id}/certificates/{id}",
    "/v1/tunnels/{id}/certificates/{id}/archive",
    "/v1/tunnels/{id}/reveal_token",
    "/v1/tunnels/{id}/rotate_token",
    "/v1/user_profiles",
    "/v1/user_profiles/{id}",
    "/v1/user_profiles/{id}/action_urls",
    "/v1/user_profiles/{id}/enrollment_url",
    "/v1/oauth/token",
    "/v1/organizations/{path}",
)

_ORIGIN: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://[^/]*")


def _pattern(template: str) -> str:
    named = re.escape(template).replace(r"\{id\}", "[^/]+").replace(r"/\{path\}", "(?:/.*)?")
    return f"({named})"


# One alternative a template; literal segments stand before `{id}` in the list, so the first match is right.
_ROUTES: Final = re.compile("(?s:" + "|".join(_pattern(template) for template in _TEMPLATES) + ")")


def _endpoint(path: str) -> str:
    start = path.find("/v1/")
    match = _ROUTES.fullmatch(path, start) if start >= 0 else None
    return _TEMPLATES[match.lastindex - 1] if match and match.lastindex else OTHER


def _batch_id(path: str, endpoint: str) -> str | None:
    if not endpoint.startswith(BATCHES + "/"):
        return None
    return path.split("/batches/", 1)[1].split("/", 1)[0][:_MAX_ID]


def _find(method: str, target: str) -> Route:
    path = target.partition("?")[0].partition("#")[0]
    if path[:1] != "/":
        path = _ORIGIN.sub("", path, count=1)
    endpoint = _endpoint(path)
    posted = method == "POST"
    return Route(
        endpoint=endpoint,
        messages_request=posted and endpoint in {MESSAGES, COUNT_TOKENS},
        message_reply=posted and endpoint == MESSAGES,
        creates_batch=posted and endpoint == BATCHES,
        fetches_results=method == "GET" and endpoint == RESULTS,
        batch_id=_batch_id(path, endpoint),
    )


_find_cached = functools.lru_cache(maxsize=512)(_find)


def find_route(method: str, target: str) -> Route:
    """The route of a request target, whatever its query; a prefix before `/v1/` is allowed.

    A prefix is what a base URL may carry, for example `/anthropic` in front of another host's API.
    """
    return _find_cached(method, target) if len(target) <= _MAX_CACHED else _find(method, target)
