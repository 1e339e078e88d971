"""What a Call and the oracle say of one reply, in the same terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from tests.support.sdk_oracle import TOOL_BLOCKS, Truth, call_usage, events

from tokentape.proxy.messages.call import Call, Outcome, Usage
from tokentape.proxy.messages.hashing import digest_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.sdk_oracle import Oracle


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a reply that money and alerts depend on."""

    outcome: Outcome
    status: int | None
    stream: bool
    error: str | None
    model_served: str | None
    message_id: str | None
    stop_reason: str | None
    usage: Usage | None
    tool_calls: tuple[tuple[str, str | None, str, str | None], ...]
    """Name, id, block type, input digest."""
    unknown: tuple[str, ...] = ()
    parse_errors: tuple[str, ...] = ()


def facts_of(call: Call) -> Facts:
    """The facts as tokentape understood them."""
    return Facts(
        outcome=call.outcome,
        status=call.status,
        stream=call.stream,
        error=call.error.type if call.error else None,
        model_served=call.model_served,
        message_id=call.message_id,
        stop_reason=call.stop_reason,
        usage=call.usage,
        tool_calls=tuple(
            (tool.name, tool.id, tool.block_type, tool.input_digest) for tool in call.tool_calls
        ),
        unknown=call.unknown,
        parse_errors=call.parse_errors,
    )


def facts_expected(truth: Truth, salt: bytes, *, stream: bool) -> Facts:
    """The facts as the SDK gives them. The recordings hold nothing unknown and nothing broken."""
    return Facts(
        outcome=Outcome.OK if truth.error_type is None else Outcome.API_ERROR,
        status=truth.status,
        stream=stream,
        error=truth.error_type,
        model_served=truth.model,
        message_id=truth.message_id,
        stop_reason=truth.stop_reason,
        usage=None if truth.usage is None else call_usage(truth.usage),
        tool_calls=tuple(
            (tool.name, tool.id, tool.block_type, digest_input(salt, tool.input)) for tool in truth.tool_calls
        ),
    )


def disagreements(told: Mapping[str, Facts], expected: Mapping[str, Facts]) -> dict[str, dict[str, object]]:
    """By reply, each differing field as (tokentape, oracle); a reply of which nothing was told is `None`."""
    found: dict[str, dict[str, object]] = {}
    for name, truth in expected.items():
        facts = told.get(name)
        if facts is None:
            found[name] = {"call": None}
        elif facts != truth:
            fields = Facts.__struct_fields__
            pairs = {field: (getattr(facts, field), getattr(truth, field)) for field in fields}
            found[name] = {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}
    return found


def facts_of_cut_stream(oracle: Oracle, body: bytes, salt: bytes) -> Facts:
    """What the SDK had accumulated when a stream broke off; `body` is cut anywhere.

    An event that was cut never was. Output counts of `message_start` are placeholders, so they are
    dropped; a tool whose block did not end has no digest; the last event makes a message complete.
    """
    seen = body[: body.rfind(b"\n\n") + 2] if b"\n\n" in body else b""
    names = [event["type"] for _, event in events(seen)]
    truth = oracle.truth_of_stream(seen) if names else Truth(status=200)
    facts = facts_expected(truth, salt, stream=True)
    usage, tool_calls = facts.usage, facts.tool_calls
    if usage is not None and "message_delta" not in names:
        usage = msgspec.structs.replace(usage, output_tokens=None, thinking_tokens=None)
    if _ends_inside_a_tool(seen):
        tool_calls = (*tool_calls[:-1], (*tool_calls[-1][:3], None))
    outcome = Outcome.OK if "message_stop" in names else Outcome.UPSTREAM_ABORT
    return msgspec.structs.replace(facts, outcome=outcome, usage=usage, tool_calls=tool_calls)


def _ends_inside_a_tool(body: bytes) -> bool:
    """The API opens one block at a time."""
    blocks = [
        event for _, event in events(body) if event["type"] in {"content_block_start", "content_block_stop"}
    ]
    return bool(blocks) and blocks[-1].get("content_block", {}).get("type") in TOOL_BLOCKS
