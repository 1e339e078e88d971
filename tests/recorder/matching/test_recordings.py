"""Real traffic: every recorded request finds its recorded reply, in order and out of it."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import recordings
from tests.support.cassettes import to_cassettes

from tokentape.proxy.messages.sse import EventSplitter, parse_event
from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.matching.keys import Reading
from tokentape.recorder.matching.player import Player
from tokentape.recorder.matching.rules import DEFAULT
from tokentape.recorder.matching.verdict import Verdict
from tokentape.recorder.matching.volatile import Normaliser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentape.recorder.cassette.interaction import Cassette, Interaction, Response

REASON = f"{recordings.VARIABLE} names no folder of recordings"
SHUFFLED = 5


@pytest.fixture(scope="module")
def cassettes() -> Mapping[str, Cassette]:
    place = recordings.folder()
    if place is None:
        if os.environ.get("TOKENTAPE_CI_STRICT") == "1":
            pytest.fail(REASON)
        pytest.skip(REASON)
    return to_cassettes(recordings.load(place))


def events(response: Response) -> list[Any]:
    """A reply as it is understood: status, and the JSON of its events or of its body."""
    if not response.streamed:
        return [response.status, response.body]
    splitter = EventSplitter()
    blocks = map(parse_event, [*splitter.feed(response.body), splitter.flush()])
    return [response.status, *((name, json.loads(data)) for name, data in blocks if data)]


def expected(asked: list[Request], interactions: tuple[Interaction, ...]) -> list[list[Any]]:
    """For each request the reply to the k-th recorded one of its key, where it is the k-th of its key."""
    normaliser = Normaliser(DEFAULT)
    keys = [Reading(each.request, normaliser).exact() for each in interactions]
    seen: Counter[bytes] = Counter()
    replies: list[list[Any]] = []
    for request in asked:
        key = Reading(request, normaliser).exact()
        places = [place for place, each in enumerate(keys) if each == key]
        replies.append(events(interactions[places[seen[key]]].response))
        seen[key] += 1
    return replies


def played(player: Player, asked: list[Request]) -> list[list[Any]]:
    tape = player.open()
    results = [tape.play(request) for request in asked]
    assert {result.verdict for result in results} <= {Verdict.EXACT}
    assert tape.unplayed() == ()
    return [events(result.interaction.response) for result in results if result.interaction]


def test_every_request_in_order_gets_the_very_interaction(cassettes: Mapping[str, Cassette]) -> None:
    count = 0
    for name, cassette in cassettes.items():
        tape = Player(cassette.interactions).open()
        for place, interaction in enumerate(cassette.interactions):
            assert tape.play(interaction.request).place == place, name
            count += 1
    assert count > 2500


def test_every_request_in_any_order_gets_its_reply(cassettes: Mapping[str, Cassette]) -> None:
    for name, cassette in cassettes.items():
        player = Player(cassette.interactions)
        asked = [interaction.request for interaction in cassette.interactions]
        for seed in range(SHUFFLED if len(asked) < 500 else 1):
            random.Random(seed).shuffle(asked)
            assert played(player, asked) == expected(asked, cassette.interactions), name


def test_requests_of_another_run_of_claude_code_are_found_all_the_same(
    cassettes: Mapping[str, Cassette],
) -> None:
    """Another user, session and billing block, and no mark where one was."""
    agents = {name: each for name, each in cassettes.items() if "claude-agent-sdk" in name}
    assert len(agents) > 3
    for name, cassette in agents.items():
        tape = Player(cassette.interactions).open()
        results = [tape.play(another_run(each.request)) for each in cassette.interactions]
        assert Verdict.MISS not in {result.verdict for result in results}, name
        assert tape.unplayed() == (), name


def another_run(request: Request) -> Request:
    body = json.loads(request.body or b"null")
    if not body:
        return request
    body["metadata"] = {"user_id": "somebody else"}
    body["system"] = [{"type": "text", "text": "x-anthropic-billing-header: cch=fffff;"}, *body["system"][1:]]
    for block in body["system"]:
        block.pop("cache_control", None)
    return Request(
        method=request.method, uri=request.uri, headers=request.headers, body=json.dumps(body).encode()
    )


def test_two_copies_of_a_conversation_side_by_side_are_two_lanes(cassettes: Mapping[str, Cassette]) -> None:
    """Every cassette twice over, played in any order that keeps each copy's own."""
    for name, cassette in cassettes.items():
        if len(cassette.interactions) > 100:
            continue
        both = (*cassette.interactions, *cassette.interactions)
        asked = [[each.request for each in cassette.interactions] for _ in range(2)]
        rng, tape = random.Random(name), Player(both).open()
        while any(asked):
            copy = rng.choice([each for each in asked if each])
            assert tape.play(copy.pop(0)).verdict is Verdict.EXACT, name


def test_in_lenient_mode_a_drifted_suite_gets_the_replies_of_its_own_turns(
    cassettes: Mapping[str, Cassette],
) -> None:
    """Another model, another limit and a tail to the system prompt: the reply is of the same messages."""
    wrong: list[str] = []
    number = 0
    for name, cassette in cassettes.items():
        tape = Player(cassette.interactions, mode="lenient").open()
        for place, interaction in enumerate(cassette.interactions):
            request = interaction.request
            if not request.uri.partition("?")[0].endswith("/v1/messages") or not request.body:
                continue
            number += 1
            found = tape.play(drifted(request))
            if found.verdict is not Verdict.DRIFTED or not same_messages(cassette, place, found.place):
                wrong.append(f"{name}#{place}: {found.verdict} {found.place}")
    assert number > 600
    assert wrong == []


def drifted(request: Request) -> Request:
    body = json.loads(request.body)
    body |= {"model": "claude-next", "max_tokens": 77}
    return Request(
        method=request.method, uri=request.uri, headers=request.headers, body=json.dumps(body).encode()
    )


def same_messages(cassette: Cassette, one: int, other: int) -> bool:
    bodies = [json.loads(cassette.interactions[place].request.body) for place in (one, other)]
    return bool(bodies[0]["messages"] == bodies[1]["messages"])
