"""What a Call and the oracle say of one reply, in the same terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from tests.support.sdk_oracle import call_usage

from tokentape.proxy.messages.call import Call, Outcome, Usage
from tokentape.proxy.messages.hashing import digest_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.sdk_oracle import Truth


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
