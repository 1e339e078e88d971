from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.support import otlp

from tokentape.proxy.telemetry.otel import wire
from tokentape.proxy.telemetry.otel.config import Content
from tokentape.proxy.telemetry.otel.content import ContentRenderer, fitted, shrunk
from tokentape.proxy.telemetry.otel.exchanged import Exchanged
from tokentape.proxy.telemetry.otel.tally import Tally

REQUEST: dict[str, Any] = {
    "model": "claude",
    "system": "Be brief.",
    "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
    "messages": [
        {"role": "user", "content": "My key is sk-ant-api03-0123456789 and my card 4111111111111111"}
    ],
}
REPLY = {"type": "message", "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}


def exchanged(request: Any = REQUEST, reply: Any = REPLY) -> Exchanged:
    return Exchanged(request=json.dumps(request).encode(), response=json.dumps(reply).encode(), stream=False)


def render(content: Content, what: Exchanged | None = None) -> tuple[dict[str, Any], Tally]:
    tally = Tally("content")
    rendered = ContentRenderer(content, tally)(what or exchanged())
    return {} if rendered is None else rendered.values, tally


def test_all_four_attributes_are_there_and_keys_are_not() -> None:
    values, tally = render(Content())
    assert values == {
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}
        ],
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "weather", "parameters": {"type": "object"}}
        ],
        "gen_ai.input.messages": [
            {
                "role": "user",
                "parts": [{"type": "text", "content": "My key is [redacted] and my card 4111111111111111"}],
            }
        ],
    }
    assert tally.sent == 1


def test_on_spans_they_are_json() -> None:
    rendered = ContentRenderer(Content(), Tally("content"))(exchanged())
    assert rendered is not None
    span = Span.FromString(wire.repeated_sized(9, rendered.pairs))
    said = {name: json.loads(value) for name, value in otlp.attributes(span.attributes).items()}
    assert said == rendered.values


def test_what_a_pattern_matches_is_replaced_wherever_it_stands() -> None:
    reply = {**REPLY, "content": [{"type": "tool_use", "name": "pay", "input": {"card": "4111111111111111"}}]}
    values, _ = render(Content(redact=(r"\d{16}",)), exchanged(reply=reply))
    assert "4111" not in json.dumps(values)
    assert json.dumps(values).count("[redacted]") == 3


def test_every_text_goes_through_the_hook() -> None:
    values, _ = render(Content(hook="tests.support.privacy_hook:upper"))
    assert values["gen_ai.system_instructions"] == [{"type": "text", "content": "BE BRIEF."}]
    assert values["gen_ai.tool.definitions"] == [
        {"type": "function", "name": "weather", "parameters": {"TYPE": "OBJECT"}}
    ], "what holds the shape together stays, what is the application's own does not"


@pytest.mark.parametrize("hook", ["broken", "silent"])
def test_where_the_hook_fails_nothing_leaves_and_nothing_is_logged_of_it(
    hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    values, tally = render(Content(hook=f"tests.support.privacy_hook:{hook}"))
    assert values == {}
    assert dict(tally.lost) == {"failed": 1}
    assert "brief" not in caplog.text.lower()


@given(
    st.integers(200, 5000), st.lists(st.text(max_size=2000), min_size=1, max_size=12), st.text(max_size=3000)
)
def test_content_keeps_to_its_limit_and_says_what_it_left_out(
    limit: int, messages: list[str], answer: str
) -> None:
    found = {
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}],
        "gen_ai.input.messages": [
            {"role": "user", "parts": [{"type": "text", "content": m}]} for m in messages
        ],
    }
    kept = fitted(found, limit)
    truncated = kept.pop("tokentape.content.truncated", False)
    written = json.dumps(list(kept.values()), ensure_ascii=False, separators=(",", ":"))
    assert len(written.encode("utf-8", "replace")) <= limit + 2
    assert truncated == (kept != found)


def test_the_last_messages_are_kept() -> None:
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": f"{n} " * 100}]} for n in range(10, 20)
    ]
    kept = fitted({"gen_ai.input.messages": messages}, 1000)
    assert kept["gen_ai.input.messages"][-1] == messages[-1]
    assert kept["tokentape.content.truncated"]
    assert kept["gen_ai.input.messages"][0]["parts"][0]["content"].endswith("…")


def test_the_shape_is_not_cut() -> None:
    message = {
        "role": "assistant",
        "parts": [{"type": "server_tool_call_response_part", "content": "x" * 1000}],
    }
    assert shrunk(message, 200)["parts"][0]["type"] == "server_tool_call_response_part"
    assert shrunk({"type": "x" * 100}, 50) is None
