"""What the Messages dialect costs by itself: microseconds for a call, an event, a large request.

Run `python -m tests.benchmarks.dialect`. The best of many short batches is shown, which is what the
code costs where nothing else wants the machine. What is measured is checked first.
"""

from __future__ import annotations

import json
import random
import timeit
from functools import partial
from typing import TYPE_CHECKING, Any

from tokentape.proxy.frames import Anchor, Ending
from tokentape.proxy.messages.attempts import AttemptTracker
from tokentape.proxy.messages.call import Outcome
from tokentape.proxy.messages.reader import CallReader
from tokentape.proxy.messages.reply import Reply
from tokentape.proxy.messages.request import read_request
from tokentape.proxy.messages.stream import MessageStream
from tokentape.proxy.messages.tolerant import Notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.proxy.messages.call import Call

BATCHES = 200
SALT = b"benchmark-salt-0"
ANCHOR = Anchor(wall=1_790_000_000.0, monotonic=0.0)
WORDS = ("the", "quick", 'said "yes"', "brown", "fox,\n", "jumps", "over", "content", "type", "tool")

REQUEST_HEADERS = [
    (b"Host", b"127.0.0.1:8585"),
    (b"Accept-Encoding", b"gzip, deflate, br, zstd"),
    (b"Connection", b"keep-alive"),
    (b"Accept", b"application/json"),
    (b"Content-Type", b"application/json"),
    (b"User-Agent", b"Anthropic/Python 2.12.0"),
    (b"X-Stainless-Lang", b"python"),
    (b"X-Stainless-Package-Version", b"2.12.0"),
    (b"X-Stainless-OS", b"Linux"),
    (b"X-Stainless-Arch", b"x64"),
    (b"X-Stainless-Runtime", b"CPython"),
    (b"X-Stainless-Runtime-Version", b"3.13.0"),
    (b"X-Stainless-Async", b"false"),
    (b"Authorization", b"Bearer sk-ant-api03-not-a-key"),
    (b"anthropic-version", b"2026-10-21"),
    (b"x-stainless-retry-count", b"0"),
    (b"x-stainless-timeout", b"600"),
    (b"Content-Length", b"4096"),
]
RATE_LIMITS = [
    (f"anthropic-ratelimit-{kind}-{end}".encode(), value)
    for kind in ("requests", "tokens", "input-tokens", "output-tokens")
    for end, value in (("limit", b"4000"), ("remaining", b"3999"), ("reset", b"2026-11-22T12:00:00Z"))
]
RESPONSE_HEADERS = [
    (b"Date", b"Sun, 22 Nov 2026 11:59:58 GMT"),
    (b"Content-Type", b"application/json"),
    (b"Content-Length", b"1024"),
    (b"request-id", b"req_011CVbenchmark"),
    (b"anthropic-organization-id", b"00000000-0000-0000-0000-000000000000"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
    (b"server", b"cloudflare"),
    (b"cf-ray", b"0123456789abcdef-FRA"),
    *RATE_LIMITS,
]
DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":" Hello wor"}        }\n\n'
)
INPUT_DELTA = DELTA.replace(b'"text_delta","text"', b'"input_json_delta","partial_json"')
TOOL_START = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"tool_use","id":"toolu_1","name":"read","input":{}}}\n\n'
)


def dump(value: Any) -> bytes:
    """JSON as the SDKs write it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def prose(rng: random.Random, size: int) -> str:
    """Text with escapes in it, about `size` characters."""
    return " ".join(rng.choices(WORDS, k=size // 6))


def request(messages: list[dict[str, Any]], **more: Any) -> bytes:
    """A request body."""
    return dump({"model": "claude-sonnet-4-5", "max_tokens": 1024, "messages": messages} | more)


def bodies() -> dict[str, bytes]:
    """Request bodies by what they are like."""
    rng = random.Random(1)
    turns = [("user", "assistant")[turn % 2] for turn in range(40)]
    blocks = [{"role": role, "content": [{"type": "text", "text": prose(rng, 5000)}]} for role in turns]
    tools = [
        {"name": f"tool_{n}", "description": prose(rng, 300), "input_schema": {"type": "object"}}
        for n in range(40)
    ]
    return {
        "4 KB": request([{"role": "user", "content": prose(rng, 4000)}], system="Be brief."),
        "200 KB, one plain text": request([{"role": "user", "content": "x" * 200_000}]),
        "200 KB, one text": request([{"role": "user", "content": prose(rng, 200_000)}]),
        "200 KB, 40 turns of blocks": request(blocks),
        "200 KB, agent with 60 tool calls": request(agent_turns(rng), tools=tools),
    }


def agent_turns(rng: random.Random) -> list[dict[str, Any]]:
    """A coding agent's history: short calls, long results."""
    turns: list[dict[str, Any]] = []
    for n in range(60):
        use = {"type": "tool_use", "id": f"toolu_{n}", "name": "read", "input": {"path": f"/src/{n}.py"}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{n}", "content": prose(rng, 2800)}
        turns.append({"role": "assistant", "content": [{"type": "text", "text": prose(rng, 200)}, use]})
        turns.append({"role": "user", "content": [result]})
    return turns


def reply() -> bytes:
    """A unary reply of 1 KB."""
    usage = {
        "input_tokens": 900,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 150,
        "service_tier": "standard",
    }
    return dump(
        {
            "id": "msg_benchmark",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [{"type": "text", "text": prose(random.Random(2), 600)}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }
    )


def unary(body: bytes, answer: bytes, attempts: AttemptTracker) -> Call:
    """One whole unary call."""
    reader = CallReader(
        id="relay-0-1-1",
        engine="relay",
        salt=SALT,
        method="POST",
        target="/v1/messages",
        headers=REQUEST_HEADERS,
        labels="",
        started=1.0,
        anchor=ANCHOR,
        attempts=attempts,
    )
    reader.request_body(body)
    reader.request_end()
    reader.response_head(200, RESPONSE_HEADERS, 1.5)
    reader.response_body(answer, 1.6)
    return reader.close(Ending.COMPLETE, "", 0, 1.6)


def microseconds(work: Callable[[], object], times: int) -> float:
    """The best time of one run of `work`, over batches of `times` runs."""
    work()
    return min(timeit.repeat(work, number=times, repeat=BATCHES)) / times * 1e6


def stream() -> MessageStream:
    """A stream whose deltas go into an open tool use block."""
    made = MessageStream(Reply(Notes()), SALT)
    made.feed(TOOL_START, 0.0)
    return made


def show(what: str, cost: float, unit: str) -> None:
    """Print one line."""
    print(f"{what:<48}{cost:>9.2f} µs/{unit}")


def main() -> None:
    """Check, measure, print."""
    requests, answer, attempts = bodies(), reply(), AttemptTracker()
    small = requests["4 KB"]
    call = unary(small, answer, attempts)
    assert (call.outcome, call.parse_errors, call.unknown) == (Outcome.OK, (), ())
    show("unary call, 4 KB in, 1 KB out", microseconds(partial(unary, small, answer, attempts), 20), "call")
    for name, body in requests.items():
        assert read_request(body, SALT).error is None
        show(f"request of {name}", microseconds(partial(read_request, body, SALT), 2), "body")
    for name, event in (("text", DELTA), ("tool input", INPUT_DELTA)):
        target, bulk = stream(), event * 200
        show(f"{name} delta, in bulk", microseconds(partial(target.feed, bulk, 1.0), 1) / 200, "event")
        show(f"{name} delta, by itself", microseconds(partial(target.feed, event, 1.0), 100), "event")


if __name__ == "__main__":
    main()
