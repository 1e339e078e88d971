"""Assertions and budgets: each passes on what is right, and says what is wrong in one sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tokentape.recorder.cassette.interaction import Request, Response
from tokentape.recorder.testing import assertions
from tokentape.recorder.testing.budgets import exceeded
from tokentape.recorder.testing.calls import MadeCall, calls_of, total_of
from tokentape.recorder.testing.exchange import Exchange, Verdict
from tokentape.recorder.testing.settings import settle

URI = "https://api.anthropic.com/v1/messages"
MODEL = "claude-sonnet-4-6"
TEXT = [{"type": "text", "text": "Hello"}]
MARK = {"cache_control": {"type": "ephemeral"}}


def exchange(
    *, ask: dict[str, Any] | None = None, usage: dict[str, int] | None = None, retry: int = 0, **reply: Any
) -> Exchange:
    request = {
        "model": MODEL,
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hi"}],
        **(ask or {}),
    }
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": TEXT,
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 12, "output_tokens": 5, **(usage or {})},
        **reply,
    }
    headers = (("content-type", "application/json"), ("x-stainless-retry-count", str(retry)))
    return Exchange(
        verdict=Verdict.HIT,
        request=Request(method="POST", uri=URI, headers=headers, body=json.dumps(request).encode()),
        response=Response(status=200, headers=headers[:1], body=json.dumps(message).encode()),
        recorded_at=1_790_000_000.0,
    )


def calls(*exchanges: Exchange) -> tuple[MadeCall, ...]:
    return calls_of(exchanges)


def tool(**given: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_use", "id": "toolu_1", "name": "search", "input": given}]


def test_a_call_says_what_was_asked_and_answered() -> None:
    (call,) = calls(exchange(content=[*TEXT, *tool(query="tea")], stop_reason="tool_use", retry=1))
    assert (call.number, call.model, call.status, call.stop_reason) == (1, MODEL, 200, "tool_use")
    assert (call.text, call.attempt) == ("Hello", 1)
    assert [(one.name, one.input, one.id) for one in call.tools] == [("search", {"query": "tea"}, "toolu_1")]
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (12, 5)


def test_truncation() -> None:
    assertions.no_truncation(calls(exchange()))
    with pytest.raises(AssertionError, match=r"^Call 2 \(claude-sonnet-4-6\) was truncated: .*max_tokens\.$"):
        assertions.no_truncation(calls(exchange(), exchange(stop_reason="max_tokens")))


def test_tools() -> None:
    found = calls(exchange(content=tool(query="tea")))
    assertions.tools_called(found, ["search"])
    with pytest.raises(AssertionError, match=r"^The tool book was not called; called were: search\.$"):
        assertions.tools_called(found, ["search", "book"])


def test_tool_loops() -> None:
    found = calls(*[exchange(content=tool(a=1, b=2)) for _ in range(3)], exchange(content=tool(a=2)))
    assertions.no_tool_loop(found, 3)
    with pytest.raises(
        AssertionError, match=r"^The tool search was called 3 times .* more than 2: \{\"a\":1"
    ):
        assertions.no_tool_loop(found, 2)


def system(*texts: str) -> dict[str, Any]:
    return {
        "system": [{"type": "text", "text": text} | (MARK if text == texts[-1] else {}) for text in texts]
    }


def test_a_moved_block_is_named() -> None:
    assertions.prefix_stable(calls(exchange(ask=system("a", "b")), exchange(ask=system("a", "b", "c"))))
    with pytest.raises(
        AssertionError, match=r"^Call 2 .* call 1 wrote .*: system\[1\] changed: .*9:00.*9:01"
    ):
        assertions.prefix_stable(
            calls(exchange(ask=system("a", "It is 9:00")), exchange(ask=system("a", "It is 9:01")))
        )


def test_cacheable_is_what_is_marked_and_long_enough() -> None:
    assertions.cacheable(calls(exchange(ask=system("a"), usage={"cache_creation_input_tokens": 2000})))
    with pytest.raises(AssertionError, match="nothing in it has cache_control"):
        assertions.cacheable(calls(exchange()))
    with pytest.raises(AssertionError, match="under the model's minimum"):
        assertions.cacheable(calls(exchange(ask=system("a"))))


def test_hit_ratio() -> None:
    found = calls(exchange(usage={"cache_read_input_tokens": 36}))
    assertions.hit_ratio(found, 0.75)
    with pytest.raises(AssertionError, match=r"^The hit ratio is 0\.750, under 0\.8: 36 of 48 input tokens"):
        assertions.hit_ratio(found, 0.8)


def test_models_are_told_without_their_dates() -> None:
    found = calls(exchange(model="claude-haiku-4-5-20251001"))
    assertions.models(found, {"claude-haiku-4-5"})
    with pytest.raises(AssertionError, match=r"^The calls were served by claude-haiku-4-5, not by other\.$"):
        assertions.models(found, {"other"})


def test_retries() -> None:
    found = calls(exchange(), exchange(retry=1), exchange(retry=2))
    assertions.retries(found, 2)
    with pytest.raises(AssertionError, match=r"^2 calls were retries \(calls 2, 3\), not 1\.$"):
        assertions.retries(found, 1)


def test_the_bill_is_what_the_calls_cost_when_they_were_recorded() -> None:
    total = total_of(calls(exchange(), exchange()))
    assert (str(total.usd), total.tokens, total.unpriced) == ("0.000222", 34, ())


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ({"max_calls": 1}, ["The test made 2 calls, more than max_calls=1."]),
        ({"max_tokens": 33}, ["The test took 34 tokens, more than max_tokens=33."]),
        ({"max_usd": 0.0001}, ["The test costs 0.000222 USD, more than max_usd=0.0001."]),
        ({"max_usd": 0.01, "max_calls": 2, "max_tokens": 34}, []),
    ],
)
def test_budgets(budget: dict[str, float], told: list[str]) -> None:
    assert list(exceeded([exchange(), exchange()], settle([budget]))) == told


def test_an_unpriced_call_fails_a_budget_in_usd() -> None:
    told = list(exceeded([exchange(model="claude-unheard-of")], settle([{"max_usd": 1}])))
    assert told == ["No price is known for claude-unheard-of, so max_usd=1.0 cannot be kept."]
