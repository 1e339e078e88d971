"""Every recorded reply, served through the real relay and observer over real sockets.

The client gets the very bytes that the upstream sent, the upstream the very request that the client
sent, and the observer's Call says what the official SDK says, under every content coding and with
the bytes cut at random places.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.support.metered import SALT, Metered, metered
from tests.support.plans import CODINGS, HOP_BY_HOP, Plan, cut_plan, decoder, plan
from tests.support.truth import Facts, disagreements, facts_expected, facts_of, facts_of_cut_stream
from tests.support.wire import Message, RecordingsServer, fetch, serving

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.recordings import Interaction
    from tests.support.sdk_oracle import Oracle, Truth


CONNECTIONS = 8
TURNS = 3
LABELS = "x-tokentape-labels"

pytestmark = pytest.mark.slow


class Carrier(NamedTuple):
    """Recordings server, proxy before it, and what was planned, by coding: whole replies and cut streams."""

    proxy: Metered
    server: RecordingsServer
    plans: dict[str, list[Plan]]
    cuts: dict[str, list[Plan]]


@pytest.fixture(scope="module")
def carrier(replies: list[Interaction]) -> Generator[Carrier]:
    numbered = list(enumerate(replies))
    plans = {
        coding: [plan(n, reply, coding, turn) for turn in range(TURNS) for n, reply in numbered]
        for coding in CODINGS
    }
    cuts = {
        coding: [cut_plan(n, reply, coding) for n, reply in numbered if reply.stream] for coding in CODINGS
    }
    server = RecordingsServer(each for kind in (plans, cuts) for group in kind.values() for each in group)
    with serving(server) as url, metered(url) as proxy:
        yield Carrier(proxy, server, plans, cuts)


def labelled(planned: Plan) -> list[tuple[str, str]]:
    return [(LABELS, f"reply={planned.key}")]


async def drive(port: int, plans: list[Plan]) -> dict[str, Message]:
    """Several clients at once, each with its own connections."""
    shares = [plans[start::CONNECTIONS] for start in range(CONNECTIONS)]
    parts = await asyncio.gather(*(fetch(port, share, labelled) for share in shares))
    return {key: message for part in parts for key, message in part.items()}


@pytest.mark.parametrize("coding", CODINGS)
def test_replies_pass_untouched_and_are_understood(
    carrier: Carrier, truths: dict[str, Truth], coding: str
) -> None:
    plans = carrier.plans[coding]
    received = asyncio.run(drive(carrier.proxy.port, plans))
    assert [each.key for each in plans if touched_reply(each, received[each.key])] == []
    assert [each.key for each in plans if touched_request(each, carrier.server.received[each.key])] == []

    expected = {
        each.key: facts_expected(truths[each.reply.name], SALT, stream=each.reply.stream) for each in plans
    }
    assert disagreements(told(carrier), expected) == {}


@pytest.mark.parametrize("coding", CODINGS)
def test_streams_that_the_upstream_cuts_are_cut_for_the_client_and_told_as_far_as_they_came(
    carrier: Carrier, oracle: Oracle, coding: str
) -> None:
    plans = carrier.cuts[coding]
    received = asyncio.run(drive(carrier.proxy.port, plans))
    assert [each.key for each in plans if received[each.key].complete] == []
    assert [each.key for each in plans if received[each.key].body != each.sent_body()] == []

    seen = {each.key: decoder(coding)(each.sent_body()) for each in plans}
    expected = {key: facts_of_cut_stream(oracle, body, SALT) for key, body in seen.items()}
    assert disagreements(told(carrier), expected) == {}


def told(carrier: Carrier) -> dict[str, Facts]:
    """What the observer understood of every exchange so far."""
    calls = carrier.proxy.calls(len(carrier.server.received))
    assert len(calls) == len(carrier.server.received)
    assert carrier.proxy.unmetered == {}
    return {call.labels["reply"]: facts_of(call) for call in calls}


def end_to_end(headers: list[tuple[str, str]], *also_dropped: str) -> list[tuple[str, str]]:
    dropped = HOP_BY_HOP.union(also_dropped)
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def touched_reply(planned: Plan, reply: Message) -> bool:
    """Whether anything but hop-by-hop headers differs from what the upstream sent."""
    sent = (f"HTTP/1.1 {planned.reply.status} Recorded", end_to_end(planned.response_headers()), planned.body)
    return not reply.complete or (reply.start, end_to_end(reply.headers), reply.body) != sent


def touched_request(planned: Plan, request: Message) -> bool:
    """Whether anything but the host and hop-by-hop headers differs from what the client sent."""
    start = f"{planned.reply.method} {planned.target()} HTTP/1.1"
    sent = (start, end_to_end(planned.request_headers(), "host"), planned.reply.request_body)
    return (request.start, end_to_end(request.headers, "host"), request.body) != sent
