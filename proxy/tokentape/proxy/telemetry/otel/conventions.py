"""Editions of the conventions, and the names that both spans and events go by.

`1.41` is the last edition of OpenTelemetry's general conventions that has the generative AI ones
(https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/gen-ai); since then they live,
and change, in a repository of their own, which `latest` follows
(https://github.com/open-telemetry/semantic-conventions-genai). Names under `anthropic.` are those of the
official SDK's own spans (`anthropic._tracing`); names under `tokentape.` are ours.

What a call says under these names stands in `attributes`.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.messages.routes import BATCHES, COUNT_TOKENS, MESSAGES, RESULTS

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Call


class Edition(enum.StrEnum):
    """Which names are used; the values are those of the option."""

    V1_41 = "1.41"
    LATEST = "latest"


SCHEMA_URLS: Final = {
    Edition.V1_41: "https://opentelemetry.io/schemas/1.41.0",
    # The repository of their own publishes no schema yet.
    Edition.LATEST: "",
}

OPERATION: Final = "gen_ai.operation.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
CHAT: Final = "chat"
PROVIDER: Final = "anthropic"

_BATCH_OPERATIONS: Final = {
    ("POST", BATCHES): "batches.create",
    ("GET", BATCHES): "batches.list",
    ("GET", f"{BATCHES}/{{id}}"): "batches.retrieve",
    ("DELETE", f"{BATCHES}/{{id}}"): "batches.delete",
    ("POST", f"{BATCHES}/{{id}}/cancel"): "batches.cancel",
    ("GET", RESULTS): "batches.results",
}


def operation(endpoint: str, method: str = "POST") -> str | None:
    """`gen_ai.operation.name`; `None` where a request has nothing to do with inference."""
    if endpoint == MESSAGES:
        return CHAT
    if endpoint == COUNT_TOKENS:
        return "count_tokens"
    return _BATCH_OPERATIONS.get((method, endpoint))


def span_name(call: Call) -> str:
    """`{operation} {model}`, as the conventions want it; the route of any other request."""
    name = operation(call.endpoint, call.method)
    if name is None:
        return f"{call.method} {call.endpoint}"
    return f"{name} {call.model_asked}" if call.model_asked else name


def error_type(call: Call) -> str | None:
    """`error.type`: the API's own word, else ours; `None` for what went well, and for a client that left."""
    if call.error is not None:
        return call.error.type
    if call.outcome is Outcome.OK or call.outcome is Outcome.CLIENT_ABORT:
        return None
    return call.outcome.value


LABEL_PREFIX: Final = "tokentape.label."
"""Each label of a call is an attribute of this prefix and its key; `project` has one of its own."""

SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
"""The logical upstream; the same for all calls of a proxy."""

DURATION: Final = "tokentape.duration"
"""Of events only, which have no start and end: seconds."""

FIRST_TOKEN: Final = "tokentape.first_token"  # noqa: S105 - a name
STREAM_ERROR: Final = "tokentape.stream_error"
ABORT: Final = "tokentape.abort"
CALL_EVENT: Final = "tokentape.call"
"""Names of events: the first three inside spans, the last one of log records."""

BLOCK_KIND: Final = "tokentape.block.kind"
"""Of `FIRST_TOKEN`: text, thinking or tool_use."""

LINK_KIND: Final = "tokentape.link.kind"
"""Of the link to the attempt before: `retry`."""

CONTENT_EVENT: Final = "gen_ai.client.inference.operation.details"
"""The conventions' event for content."""
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
CONTENT_TRUNCATED: Final = "tokentape.content.truncated"
