"""The Messages dialect says of every recorded reply what the official SDK says, however it is cut."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.plans import parts_of, segments
from tests.support.truth import Facts, disagreements, facts_expected, facts_of, facts_of_cut_stream

from tokentape.proxy.frames import Anchor, Ending
from tokentape.proxy.messages.reader import CallReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.recordings import Interaction
    from tests.support.sdk_oracle import Oracle, Truth

    from tokentape.proxy.messages.call import Call

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
    told: dict[str, Facts] = {}
    truth: dict[str, Facts] = {}
    for reply in (reply for reply in replies if reply.stream):
        chance = random.Random(reply.name)
        for turn in range(3):
            cut = reply.body[: chance.randrange(len(reply.body) - 1)]
            name = f"{reply.name} {turn} {len(cut)}"
            told[name] = facts_of(read(reply, segments(cut, chance), Ending.UPSTREAM_ABORT))
            truth[name] = facts_of_cut_stream(oracle, cut, SALT)
    assert disagreements(told, truth) == {}


def test_requests_are_read_as_plain_json_says(replies: list[Interaction]) -> None:
    told: dict[str, Any] = {}
    truth: dict[str, Any] = {}
    for reply in (reply for reply in replies if reply.request_body):
        asked = json.loads(reply.request_body)
        facts = read(reply, [reply.body]).request
        told[reply.name] = (facts.model, facts.max_tokens, facts.stream, facts.messages, facts.tools)
        counts = (len(asked["messages"]), len(asked.get("tools") or []))
        truth[reply.name] = (asked["model"], asked["max_tokens"], asked.get("stream"), *counts)
    assert len(truth) == 698
    assert {name: (told[name], truth[name]) for name in truth if told[name] != truth[name]} == {}


def test_other_endpoints_are_never_misread(interactions: list[Interaction]) -> None:
    calls = [read(other, [other.body]) for other in interactions if not other.is_message]
    assert [call.id for call in calls if call.usage or call.parse_errors or call.unknown] == []
    assert Counter((call.method, call.endpoint, call.outcome.value) for call in calls) == {
        ("DELETE", "/v1/files/{id}", "ok"): 3,
        ("DELETE", "/v1/messages/batches/{id}", "ok"): 1,
        ("GET", "/v1/files", "ok"): 3,
        ("GET", "/v1/files/{id}", "ok"): 2,
        ("GET", "/v1/messages/batches", "ok"): 2,
        ("GET", "/v1/messages/batches/{id}", "ok"): 22,
        ("GET", "/v1/messages/batches/{id}/results", "api_error"): 1885,
        ("GET", "/v1/messages/batches/{id}/results", "ok"): 3,
        ("GET", "/v1/models", "api_error"): 1,
        ("GET", "/v1/models", "ok"): 5,
        ("GET", "/v1/models/{id}", "ok"): 1,
        ("HEAD", "other", "api_error"): 5,
        ("POST", "/v1/complete", "ok"): 3,
        ("POST", "/v1/files", "ok"): 4,
        ("POST", "/v1/messages/batches", "ok"): 7,
        ("POST", "/v1/messages/batches/{id}/cancel", "ok"): 1,
        ("POST", "/v1/messages/count_tokens", "ok"): 9,
    }
