"""An agent with a tool loop: it asks the model, runs the tool that the model calls, and asks again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import anthropic

if TYPE_CHECKING:
    from anthropic.types import Message, MessageParam, ToolParam, ToolResultBlockParam

MODEL = "claude-sonnet-4-6"
WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def weather(city: str) -> str:
    """What the tool says; a real one would ask a service."""
    return f"12 degrees and rain in {city}"


def answer(question: str, client: anthropic.Anthropic, most: int = 5) -> str:
    """The model's answer, after as many tool calls as it wants, up to `most`."""
    messages: list[MessageParam] = [{"role": "user", "content": question}]
    for _ in range(most):
        with client.messages.stream(
            model=MODEL, max_tokens=500, tools=[WEATHER], messages=messages
        ) as stream:
            reply = stream.get_final_message()
        if reply.stop_reason != "tool_use":
            return "".join(block.text for block in reply.content if block.type == "text")
        messages.append({"role": "assistant", "content": reply.content})
        messages.append({"role": "user", "content": _run(reply)})
    raise RuntimeError(f"no answer after {most} rounds")


def _run(reply: Message) -> list[ToolResultBlockParam]:
    calls = [block for block in reply.content if block.type == "tool_use"]
    return [
        {
            "type": "tool_result",
            "tool_use_id": call.id,
            "content": weather(str(dict(call.input).get("city", "nowhere"))),
        }
        for call in calls
    ]


if __name__ == "__main__":
    print(answer(sys.argv[1], anthropic.Anthropic()))  # noqa: T201 - a program for the terminal
