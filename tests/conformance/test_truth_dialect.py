"""The Messages dialect says of every recorded reply what the official SDK says, however it is cut."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.support.sdk_oracle import TOOL_BLOCKS, events
from tests.support.truth import Facts, disagreements, facts_expected, facts_of
from tests.support.wire import parts_of, segments

from tokentape.proxy.frames import Anchor, Ending
from tokentape.proxy.messages.call import Call, Outcome
from tokentape.proxy.messages.reader import CallReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.recordings import Interaction
    from tests.support.sdk_oracle import Oracle, Truth

SALT = b"truth"


def single_bytes(body: bytes) -> list[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


def at_random_places(seed: int) -> Callable[[bytes], list[bytes]]:
    return lambda body: segments(body, random.Random(seed + len(body)))


def pairs(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def read(reply: Interaction, pieces: Iterable[bytes], ending: Ending = Ending.COMPLETE) -> Call:
    """The Call that the dialect makes of a reply that arrives in these pieces, one every second."""
    reader = CallReader(
        id=reply.name,
        engine="relay",
        salt=SALT,
        method=reply.method,
        target=reply.url.removeprefix("https://api.anthropic.com"),
        headers=pairs(reply.sent_headers()),
        labels="",
        started=100.0,
        anchor=Anchor(wall=1_700_000_000.0, monotonic=100.0),
    )
    reader.request_body(reply.request_body)
    reader.request_end()
    at = 101.0
    reader.response_head(reply.status, pairs(reply.served_headers()), at)
    for piece in pieces:
        at += 1
        reader.response_body(piece, at)
    return reader.close(ending, "", 0, at)


CUTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": lambda body: [body],
    **{f"at random places {seed}": at_random_places(seed) for seed in range(3)},
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_the_dialect_agrees_with_the_sdk(
    replies: list[Interaction], truths: dict[str, Truth], cut: Callable[[bytes], list[bytes]]
) -> None:
    told = {reply.name: facts_of(read(reply, cut(reply.body))) for reply in replies}
    assert len(told) == len(replies)
    assert disagreements(told, expected(replies, truths)) == {}


def test_the_dialect_agrees_with_the_sdk_byte_by_byte(
    replies: list[Interaction], truths: dict[str, Truth]
) -> None:
    told = {reply.name: facts_of(read(reply, single_bytes(reply.body))) for reply in replies}
    assert disagreements(told, expected(replies, truths)) == {}


def test_the_dialect_agrees_with_the_sdk_event_by_event(
    replies: list[Interaction], truths: dict[str, Truth]
) -> None:
    streams = [reply for reply in replies if reply.stream]
    told = {reply.name: facts_of(read(reply, parts_of(reply))) for reply in streams}
    assert disagreements(told, expected(streams, truths)) == {}


def expected(replies: list[Interaction], truths: dict[str, Truth]) -> dict[str, Facts]:
    return {reply.name: facts_expected(truths[reply.name], SALT, stream=reply.stream) for reply in replies}


def test_a_stream_that_breaks_off_says_what_the_sdk_saw_until_then(
    replies: list[Interaction], oracle: Oracle
) -> None:
    """Cut in the middle of an event: that event never was. Output counts then were placeholders."""
    told: dict[str, Facts] = {}
    truth: dict[str, Facts] = {}
    for reply in (reply for reply in replies if reply.stream):
        chance = random.Random(reply.name)
        parts = parts_of(reply)
        kept = chance.randrange(1, len(parts))
        cut = parts[:kept]
        half = parts[kept][: chance.randrange(len(parts[kept]) - 1)]
        told[reply.name] = facts_of(read(reply, [*cut, half], Ending.UPSTREAM_ABORT))
        truth[reply.name] = cut_facts(oracle.truth_of_stream(b"".join(cut)), b"".join(cut))
    assert disagreements(told, truth) == {}


def cut_facts(truth: Truth, body: bytes) -> Facts:
    """The facts of a cut stream: tools whose block never ended have no digest, placeholders are dropped."""
    names = [event["type"] for _, event in events(body)]
    whole = facts_expected(truth, SALT, stream=True)
    usage, tool_calls = whole.usage, whole.tool_calls
    if usage is not None and "message_delta" not in names:
        usage = msgspec.structs.replace(usage, output_tokens=None, thinking_tokens=None)
    if names.count("content_block_stop") < names.count("content_block_start") and is_open_tool(body):
        tool_calls = (*tool_calls[:-1], (*tool_calls[-1][:3], None))
    return msgspec.structs.replace(whole, outcome=Outcome.UPSTREAM_ABORT, usage=usage, tool_calls=tool_calls)


def is_open_tool(body: bytes) -> bool:
    """Whether the last block that began is a tool call; the API opens one block at a time."""
    starts = [event for _, event in events(body) if event["type"] == "content_block_start"]
    return starts[-1]["content_block"]["type"] in TOOL_BLOCKS
