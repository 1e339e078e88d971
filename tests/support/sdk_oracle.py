"""What the official SDK makes of a reply: the oracle that a Call is compared with.

The reply's bytes go through a real `anthropic` client, by the beta namespace, which knows every
field of the plain one and more (`iterations`, mcp blocks, compaction).

The SDK's `accumulate_event` overwrites usage fields by those of `message_delta`, save four that the
API sends in `message_start` only: `cache_creation`, `service_tier`, `inference_geo`, `speed`. For
these `Truth.usage` follows the API's rule instead, last non-null value wins, by `remerged_usage`,
which shares no code with the SDK or with tokentape.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import anthropic
import httpx2
import msgspec

from tokentape.proxy.messages.call import Iteration, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anthropic.types.beta import BetaMessage
    from tests.support.recordings import Interaction

UNMERGED = ("cache_creation", "service_tier", "inference_geo", "speed")
"""Usage fields that the SDK takes from `message_start` alone."""

TOOL_BLOCKS = ("tool_use", "server_tool_use", "mcp_tool_use")
# Any request gets the recorded reply; a current model, because the SDK warns of deprecated ones.
ANY_REQUEST: dict[str, Any] = {
    "max_tokens": 1,
    "model": "claude-opus-4-8",
    "messages": [{"role": "user", "content": "hello"}],
}


class ToolUse(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call as the SDK gives it, its input parsed."""

    block_type: str
    name: str
    id: str
    input: Any


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply says."""

    status: int
    error_type: str | None = None
    model: str | None = None
    message_id: str | None = None
    stop_reason: str | None = None
    usage: dict[str, Any] | None = None
    """Raw API values, nulls dropped."""
    tool_calls: tuple[ToolUse, ...] = ()


class Oracle:
    """One SDK client over a transport that answers with whatever was put there last."""

    def __init__(self) -> None:
        self._reply = httpx2.Response(500)
        transport = httpx2.MockTransport(lambda _: self._reply)
        self.client = anthropic.Anthropic(
            api_key="none", max_retries=0, http_client=httpx2.Client(transport=transport)
        )

    def truth(self, reply: Interaction) -> Truth:
        """What the SDK makes of a recorded reply, compressed where it was recorded so."""
        headers = [*reply.served_headers(), ("content-encoding", reply.stored_encoding)]
        self._reply = httpx2.Response(reply.status, headers=headers, content=reply.stored_body)
        try:
            message = self._streamed() if reply.stream else self._created()
        except anthropic.APIStatusError as error:
            return Truth(status=error.status_code, error_type=error.type)
        return _truth(message, remerged_usage(reply.body) if reply.stream else {})

    def truth_of_stream(self, body: bytes) -> Truth:
        """What the SDK has accumulated when a stream ends, wherever that is after `message_start`."""
        headers = {"content-type": "text/event-stream"}
        self._reply = httpx2.Response(200, headers=headers, content=body)
        return _truth(self._streamed(), remerged_usage(body))

    def _streamed(self) -> dict[str, Any]:
        with self.client.beta.messages.stream(**ANY_REQUEST) as stream:
            return stream.get_final_message().to_dict(warnings=False)

    def _created(self) -> dict[str, Any]:
        message = cast("BetaMessage", self.client.beta.messages.create(**ANY_REQUEST))
        return message.to_dict(warnings=False)


def _truth(message: dict[str, Any], remerged: dict[str, Any]) -> Truth:
    fixed = {name: remerged[name] for name in UNMERGED if name in remerged}
    return Truth(
        status=200,
        model=message["model"],
        message_id=message["id"],
        stop_reason=message.get("stop_reason"),
        usage=without_nulls(message["usage"]) | fixed,
        tool_calls=tuple(
            ToolUse(block_type=block["type"], name=block["name"], id=block["id"], input=block["input"])
            for block in message["content"]
            if block["type"] in TOOL_BLOCKS
        ),
    )


def events(body: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The events of a whole stream: each one's bytes and its data, by the plainest of means."""
    for block in body.split(b"\n\n"):
        for line in block.splitlines():
            if line.startswith(b"data:"):
                yield block + b"\n\n", json.loads(line[5:])


def remerged_usage(body: bytes) -> dict[str, Any]:
    """Usage by the API's rule: field by field, the last value that is not null wins."""
    usage: dict[str, Any] = {}
    for _, event in events(body):
        if event["type"] == "message_start":
            usage = without_nulls(event["message"]["usage"])
        elif event["type"] == "message_delta":
            usage = _overwritten(usage, without_nulls(event["usage"]))
    return usage


def _overwritten(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        nested = isinstance(value, dict) and name in old
        merged[name] = _overwritten(old[name], cast("dict[str, Any]", value)) if nested else value
    return merged


def without_nulls(value: Any) -> Any:
    """The same JSON without members that are null."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {name: without_nulls(member) for name, member in members.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in cast("list[object]", value)]
    return value


def call_usage(usage: dict[str, Any]) -> Usage:
    """The API's usage under the names that a Call has for it."""
    split = usage.get("cache_creation", {})
    tools = usage.get("server_tool_use", {})
    return Usage(
        input_tokens=usage.get("input_tokens"),
        output_tokens=usage.get("output_tokens"),
        thinking_tokens=usage.get("output_tokens_details", {}).get("thinking_tokens"),
        cache_read_input_tokens=usage.get("cache_read_input_tokens"),
        cache_creation_input_tokens=usage.get("cache_creation_input_tokens"),
        ephemeral_5m_input_tokens=split.get("ephemeral_5m_input_tokens"),
        ephemeral_1h_input_tokens=split.get("ephemeral_1h_input_tokens"),
        web_search_requests=tools.get("web_search_requests"),
        web_fetch_requests=tools.get("web_fetch_requests"),
        service_tier=usage.get("service_tier"),
        inference_geo=usage.get("inference_geo"),
        speed=usage.get("speed"),
        iterations=tuple(map(_iteration, usage.get("iterations", []))),
    )


def _iteration(entry: dict[str, Any]) -> Iteration:
    split = entry.get("cache_creation", {})
    return Iteration(
        type=entry["type"],
        model=entry.get("model"),
        input_tokens=entry["input_tokens"],
        output_tokens=entry["output_tokens"],
        cache_read_input_tokens=entry["cache_read_input_tokens"],
        cache_creation_input_tokens=entry["cache_creation_input_tokens"],
        ephemeral_5m_input_tokens=split.get("ephemeral_5m_input_tokens"),
        ephemeral_1h_input_tokens=split.get("ephemeral_1h_input_tokens"),
    )
