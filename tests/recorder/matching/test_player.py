"""What a tape gives for each request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.matching.conversations import HEADERS, message, post

from tokentape.recorder.cassette.interaction import Interaction, Request, Response
from tokentape.recorder.matching.player import Player
from tokentape.recorder.matching.verdict import Verdict


def asking(question: str, **more: Any) -> Request:
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": question}]}
    return post(body | more)


def polling(identity: str = "1") -> Request:
    return Request(method="GET", uri=f"https://api.anthropic.com/v1/messages/batches/msgbatch_{identity}")


def cassette(*requests: Request) -> list[Interaction]:
    """Each request with a reply that names its place."""
    return [
        Interaction(request=request, response=message(f"Reply {place}."))
        for place, request in enumerate(requests)
    ]


def given_for(player: Player, *requests: Request) -> list[tuple[Verdict, int]]:
    tape = player.open()
    return [(played.verdict, played.place) for played in map(tape.play, requests)]


ROOT = Path(__file__).parents[3]
EXACT, NORMALISED, MISS = Verdict.EXACT, Verdict.NORMALISED, Verdict.MISS


def test_equal_requests_get_their_replies_in_recorded_order() -> None:
    player = Player(cassette(polling(), asking("Why?"), polling(), polling("2"), polling()))
    asked = (polling(), polling(), asking("Why?"), polling(), polling("2"))
    assert given_for(player, *asked) == [(EXACT, place) for place in (0, 2, 1, 4, 3)]


@pytest.mark.parametrize(
    ("setting", "further"),
    [
        ("fail", [(MISS, -1)] * 4),
        ("repeat_last", [(EXACT, 2)] * 4),
        ("cycle", [(EXACT, 0), (EXACT, 2), (EXACT, 0), (EXACT, 2)]),
    ],
)
def test_after_the_last_reply_comes_what_the_setting_says(
    setting: str, further: list[tuple[Verdict, int]]
) -> None:
    player = Player(cassette(polling(), asking("Why?"), polling()), after_last=setting)
    assert given_for(player, *[polling()] * 6) == [(EXACT, 0), (EXACT, 2), *further]


def test_the_exact_recording_is_taken_before_one_that_only_normalised_equals() -> None:
    one, other, third = (asking("Why?", metadata={"user_id": each}) for each in "abc")
    player = Player(cassette(one, other))
    assert given_for(player, other, one) == [(EXACT, 1), (EXACT, 0)]
    assert given_for(player, third, one, other) == [(NORMALISED, 0), (NORMALISED, 1), (MISS, -1)]
    assert given_for(player, other, other) == [(EXACT, 1), (NORMALISED, 0)]


def test_a_cycle_of_requests_that_are_equal_but_for_what_is_volatile_goes_round() -> None:
    one, other = (asking("Why?", metadata={"user_id": each}) for each in "ab")
    player = Player(cassette(one, one), after_last="cycle")
    assert [place for _, place in given_for(player, *[other] * 5)] == [0, 1, 0, 1, 0]


def test_a_recording_with_unknown_betas_answers_any() -> None:
    kept, lost = asking("Why?"), asking("How?")
    lost = Request(method="POST", uri=lost.uri, body=lost.body)
    betas = [*HEADERS, ("anthropic-beta", "files-api-2025-04-14")]
    player = Player(cassette(kept, lost))
    assert given_for(player, post(lost.body, headers=betas)) == [(EXACT, 1)]
    assert given_for(player, post(lost.body)) == [(EXACT, 1)]
    assert given_for(player, post(kept.body, headers=betas)) == [(MISS, -1)]


def test_each_tape_has_its_own_state() -> None:
    player = Player(cassette(polling(), polling()))
    one, other = player.open(), player.open()
    assert [one.play(polling()).place, one.play(polling()).place, other.play(polling()).place] == [0, 1, 0]
    assert (one.plays(), other.plays()) == ((1, 1), (1, 0))
    assert [each.response.body for each in other.unplayed()] == [player.interactions[1].response.body]


def test_a_reset_tape_is_as_new() -> None:
    for setting in ("fail", "repeat_last", "cycle"):
        player = Player(cassette(polling(), asking("Why?"), polling()), mode="lenient", after_last=setting)
        tape = player.open()
        asked = [polling(), asking("Why not?"), *[polling()] * 4]
        first = [tape.play(request) for request in asked]
        tape.reset()
        assert tape.plays() == (0, 0, 0)
        assert [tape.play(request) for request in asked] == first


def test_what_is_played_is_the_interaction_itself() -> None:
    recorded = cassette(asking("Why?"))
    assert Player(recorded).open().play(asking("Why?")).interaction is recorded[0]


@pytest.mark.parametrize("wrong", [{"mode": "loose"}, {"after_last": "stop"}])
def test_unknown_settings_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        Player([], **wrong)  # type: ignore[arg-type]  # wrong on purpose


REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["GET", "POST", "post", ""]) | st.text(max_size=4),
    uri=st.sampled_from(["https://api.anthropic.com/v1/messages", "/v1/models?limit=1", "", "://"])
    | st.text(),
    headers=st.lists(
        st.tuples(st.sampled_from(["anthropic-beta", "x"]), st.text(max_size=9)), max_size=2
    ).map(tuple),
    body=st.binary()
    | st.recursive(
        st.none() | st.floats() | st.text(max_size=3),
        lambda inner: st.dictionaries(
            st.sampled_from(["messages", "content", "role", "stream", "type", "id"]),
            inner | st.lists(inner, max_size=3),
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)


@given(st.lists(REQUESTS, max_size=4), st.lists(REQUESTS, max_size=6), st.sampled_from(["strict", "lenient"]))
def test_any_request_is_answered_or_explained(
    recorded: list[Request], asked: list[Request], mode: str
) -> None:
    interactions = [Interaction(request=each, response=Response(status=200)) for each in recorded]
    tape = Player(interactions, mode=mode).open()
    for request in [*asked, *recorded]:
        played = tape.play(request)
        assert (played.interaction is None) == (played.verdict is MISS) == (played.miss is not None)
        assert (str(played.miss) != "") == (played.miss is not None) or played.interaction


@given(st.lists(REQUESTS, max_size=5), st.randoms(use_true_random=False))
def test_every_recorded_request_is_played_exactly_in_any_order(recorded: list[Request], rng: Any) -> None:
    interactions = [Interaction(request=each, response=Response(status=200)) for each in recorded]
    tape = Player(interactions).open()
    rng.shuffle(recorded)
    assert [tape.play(request).verdict for request in recorded] == [EXACT] * len(recorded)
    assert tape.unplayed() == ()


@pytest.mark.parametrize("body", [b"[" * 900 + b"]" * 900, b'{"messages":' * 900 + b"1" + b"}" * 900])
def test_deep_nesting_is_played_and_missed(body: bytes) -> None:
    for mode in ("strict", "lenient"):
        tape = Player(cassette(post(body)), mode=mode).open()
        other = body.replace(b"1", b"2") if b"1" in body else body.replace(b"[]", b"[3]")
        for request in (post(body), post(other)):
            tape.play(request)
        assert sum(tape.plays()) >= 1


SCRIPT = """
import sys
from tests.recorder.matching.test_player import asking, cassette, polling
from tokentape.recorder.matching.player import Player

recorded = cassette(*(asking(f"Is {n} prime or even?", max_tokens=n) for n in range(600)), polling())
for mode in ("strict", "lenient"):
    tape = Player(recorded, mode=mode).open()
    asked = [asking(f"Is {n} even or odd?", top_k=n) for n in range(20)]
    print([str(tape.play(request)) for request in asked], tape.plays())
print(Player(recorded).derived.hex())
"""


def test_no_seed_of_any_hash_changes_anything() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
