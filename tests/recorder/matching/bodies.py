"""A request body with everything in it that is volatile, and its keys."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tests.recorder.matching.conversations import post

from tokentape.recorder.matching.keys import Reading
from tokentape.recorder.matching.rules import DEFAULT, Rules
from tokentape.recorder.matching.volatile import Normaliser

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Request

MARK = {"type": "ephemeral"}
BODY: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 512,
    "temperature": 0.5,
    "metadata": {"user_id": "user_1"},
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.141.d7d; cch=9b9a1;"},
        {"type": "text", "text": "Be brief.", "cache_control": MARK},
    ],
    "tools": [
        {"name": "read", "input_schema": {"type": "object", "properties": {"cache_control": {}}}},
        {"name": "write", "input_schema": {"type": "object"}, "cache_control": MARK},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hello.", "cache_control": MARK}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"n": 1}}],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "42", "cache_control": MARK}],
                }
            ],
        },
    ],
}


def reading(request: Request, rules: Rules = DEFAULT) -> Reading:
    return Reading(request, Normaliser(rules))


def exact(body: Any) -> bytes:
    return reading(post(body)).exact()


def normal(body: Any, rules: Rules = DEFAULT) -> bytes:
    return reading(post(body), rules).normal()


def changed(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(BODY) | more


def unmarked(value: Any) -> Any:
    """Without marks on blocks, as a client that caches nothing would send it."""
    body = copy.deepcopy(value)
    for block in [*body["system"], *body["tools"]]:
        block.pop("cache_control", None)
    body["messages"][0]["content"] = "Hello."
    body["messages"][2]["content"][0]["content"] = "42"
    return body
