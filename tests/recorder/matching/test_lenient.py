"""Suites that drifted: the lane's next recording is played, and the differences are told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from tests.recorder.matching.conversations import Agent, Talk, message, post, record, shuffled, streamed
from tests.recorder.matching.test_lanes import own_words

from tokentape.recorder.cassette.interaction import Interaction, Request
from tokentape.recorder.matching.difference import Difference
from tokentape.recorder.matching.player import Player
from tokentape.recorder.matching.verdict import Verdict

if TYPE_CHECKING:
    from tests.recorder.matching.conversations import Recorded

    from tokentape.recorder.matching.player import Tape

TOOLS = [{"name": "read", "description": "Reads a file.", "input_schema": {"type": "object"}}]
MAIN: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 4096,
    "system": "You are an engineer who reads files and answers questions about them.",
    "tools": TOOLS,
}
TITLE: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 32, "system": "Write a title."}


def agents(frame: dict[str, Any]) -> list[Agent]:
    """Three agents with prompts of their own."""
    return [
        Agent(
            number,
            (f"Please tell me about {topic}.", f"{topic}: see below.", f"More on {topic}.", "Thanks."),
            frame=frame,
        )
        for number, topic in enumerate(("herons", "turbines", "sonnets"))
    ]


def replay_drifted(recorded: Recorded, again: list[Agent], tape: Tape, seed: int) -> list[tuple[int, ...]]:
    """Agent and turn, and whose recording it was given."""
    heard: list[tuple[int, ...]] = []
    for talk in shuffled([Talk(agent) for agent in again], seed):
        played = tape.play(talk.request())
        assert played.verdict is Verdict.DRIFTED
        heard.append((talk.agent.number, talk.turn, *recorded.whose[played.place]))
        content = recorded.contents[played.place]
        assert content is not None
        talk.answered(content)
    return heard


def test_a_drifted_conversation_is_answered_from_its_own_lane_in_any_order() -> None:
    """The system prompt, the model and the wording of each prompt have changed since."""
    recorded = record(agents(MAIN), own_words, seed=1)
    drifted = MAIN | {"model": "claude-sonnet-4-6", "system": "You are a writer. Read, then answer."}
    again = [
        msgspec.structs.replace(agent, own=(f"{agent.own[0]} Be quick.", *agent.own[1:]))
        for agent in agents(drifted)
    ]
    player = Player(recorded.interactions, mode="lenient")
    for seed in range(50):
        heard = replay_drifted(recorded, again, player.open(), seed)
        assert [given[:2] for given in heard] == [given[2:] for given in heard]


def test_what_drifted_is_told_with_path_old_and_new() -> None:
    recorded = record(agents(MAIN)[:1], own_words, seed=1)
    tape = Player(recorded.interactions, mode="lenient").open()
    body = json.loads(recorded.interactions[0].request.body) | {"max_tokens": 8192}
    assert tape.play(post(body)).drift == (Difference("$.max_tokens", "4096", "8192"),)


def test_strict_is_the_default() -> None:
    recorded = record(agents(MAIN)[:1], own_words, seed=1)
    body = json.loads(recorded.interactions[0].request.body) | {"max_tokens": 8192}
    assert Player(recorded.interactions).open().play(post(body)).verdict is Verdict.MISS


def test_what_has_not_drifted_is_exact_and_goes_on_in_its_lane() -> None:
    """Only the second turn drifted; it is answered by what follows the first."""
    recorded = record(agents(MAIN), own_words, seed=1)
    tape = Player(recorded.interactions, mode="lenient").open()
    talk = Talk(agents(MAIN)[1])
    opening = tape.play(talk.request())
    assert opening.verdict is Verdict.EXACT
    talk.answered(recorded.contents[opening.place] or [])
    talk.messages[-1] = {"role": "user", "content": "Something quite different."}
    second = tape.play(talk.request())
    assert (second.verdict, recorded.whose[second.place]) == (Verdict.DRIFTED, (1, 1))


def test_one_turn_too_many_is_a_miss_not_the_reply_of_another_lane() -> None:
    recorded = record(agents(MAIN), own_words, seed=1)
    tape = Player(recorded.interactions, mode="lenient").open()
    talk = Talk(agents(MAIN)[0])
    while not talk.over:
        talk.answered(recorded.contents[tape.play(talk.request()).place] or [])
    talk.messages.append({"role": "user", "content": "And now?"})
    assert tape.play(talk.request()).verdict is Verdict.MISS


def test_a_title_request_is_not_answered_by_the_main_conversation() -> None:
    recorded = record(agents(MAIN)[:1], own_words, seed=1)
    tape = Player(recorded.interactions, mode="lenient").open()
    title = post({"model": "m", "system": "Name it.", "messages": [{"role": "user", "content": "Herons"}]})
    assert tape.play(title).verdict is Verdict.MISS


def test_a_drifted_title_request_beside_the_main_one_gets_a_title() -> None:
    main, title = agents(MAIN)[0], msgspec.structs.replace(agents(TITLE)[0], number=1)
    title = msgspec.structs.replace(title, own=title.own[:1])
    recorded = record([main, title], own_words, seed=1)
    changed = msgspec.structs.replace(title, frame=TITLE | {"max_tokens": 64})
    tape = Player(recorded.interactions, mode="lenient").open()
    assert recorded.whose[tape.play(Talk(changed).request()).place] == (1, 0)


def test_a_stream_is_never_given_to_who_asked_for_none() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Tell me about herons."}]}
    whole = Interaction(request=post(body), response=message("Herons."))
    stream = Interaction(
        request=post(body | {"stream": True}), response=streamed([{"type": "text", "text": "Herons."}])
    )
    more = {"max_tokens": 9}
    for recorded, asked, place in (
        ((whole, stream), body | {"stream": True} | more, 1),
        ((stream, whole), body | more, 1),
        ((stream,), body | more, -1),
    ):
        assert Player(recorded, mode="lenient").open().play(post(asked)).place == place


def test_a_conversation_taken_up_in_the_middle_gets_the_reply_of_its_middle() -> None:
    """A test that prepares the history itself, with another system prompt than was recorded."""
    recorded = record(agents(MAIN), own_words, seed=1)
    place = recorded.whose.index((2, 2))
    body = json.loads(recorded.interactions[place].request.body) | {"system": "Read, then answer."}
    played = Player(recorded.interactions, mode="lenient").open().play(post(body))
    assert (played.verdict, played.place) == (Verdict.DRIFTED, place)


def test_what_is_no_conversation_is_answered_in_order_by_the_same_endpoint() -> None:
    def poll(identity: str) -> Request:
        return Request(method="GET", uri=f"https://api.anthropic.com/v1/messages/batches/{identity}")

    replies = [Interaction(request=poll("msgbatch_1"), response=message(f"{n}")) for n in range(3)]
    tape = Player(replies, mode="lenient").open()
    assert [tape.play(poll("msgbatch_2")).place for _ in range(4)] == [0, 1, 2, -1]


def test_a_request_that_is_used_up_does_not_drift() -> None:
    recorded = record(agents(MAIN), own_words, seed=1)
    tape = Player(recorded.interactions, mode="lenient").open()
    opening = recorded.interactions[0].request
    assert [tape.play(opening).verdict for _ in range(2)] == [Verdict.EXACT, Verdict.MISS]
