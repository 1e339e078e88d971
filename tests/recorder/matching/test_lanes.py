"""Each conversation gets its own replies, in any order of arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorder.matching.conversations import Agent, Recorded, record, replay

from tokentape.recorder.matching.player import Player
from tokentape.recorder.matching.rules import DEFAULT, Rules
from tokentape.recorder.matching.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.recorder.matching.conversations import Heard

    Message = dict[str, Any]
    Say = Callable[[Agent, int], list[Message]]

PROMPT = "Find out what your file holds, then sum it up."


def text(said: str) -> Message:
    return {"type": "text", "text": said}


def tool(identity: str, path: str = "notes.txt") -> Message:
    return {"type": "tool_use", "id": f"toolu_{identity}", "name": "read", "input": {"path": path}}


def alike(agent: Agent, turn: int) -> list[Message]:
    """The first replies are one and the same, ids included; later ones are each agent's own."""
    if turn == 0:
        return [text("I read it."), tool("first")]
    return own_words(agent, turn)


def other_ids(agent: Agent, turn: int) -> list[Message]:
    """The first replies differ in the ids of the tool calls, as they do from the API."""
    if turn == 0:
        return [text("I read it."), tool(f"{agent.number}")]
    return own_words(agent, turn)


def own_words(agent: Agent, turn: int) -> list[Message]:
    """Every reply is worded in its own way, and calls a tool until the last turn."""
    said = text(f"Agent {agent.number}, turn {turn}.")
    call = tool(f"{agent.number}_{turn}")
    return [said] if turn == len(agent.own) - 1 else [said, call]


def same_words(agent: Agent, turn: int) -> list[Message]:
    """All say the same at every turn but the last, in which they name themselves."""
    if turn == len(agent.own) - 1:
        return [text(f"Agent {agent.number} is done.")]
    return [tool(f"{turn}")]


def diverging(count: int = 8, **more: Any) -> list[Agent]:
    """Agents with one prompt, whose tool results differ."""
    return [
        Agent(number, (PROMPT, f"File {number}.", f"More of file {number}.", "Thank you."), **more)
        for number in range(count)
    ]


def late(count: int = 8) -> list[Agent]:
    """Agents that only the last of their tool results tells apart."""
    return [Agent(number, (PROMPT, "Busy.", "Busy.", f"File {number}.")) for number in range(count)]


def in_pairs(count: int = 8) -> list[Agent]:
    """Agents whose first tool results are those of another one, and whose second ones are not."""
    return [
        Agent(number, (PROMPT, f"Folder {number // 2}.", f"File {number}.", "Thank you."))
        for number in range(count)
    ]


def histories(agents: Sequence[Agent]) -> dict[int, tuple[str, ...]]:
    return {agent.number: agent.own for agent in agents}


def strangers(recorded: Recorded, agents: Sequence[Agent], heard: list[Heard]) -> list[Heard]:
    """What an agent was given that is not of an agent with the same own turns up to there."""
    own = histories(agents)
    found: list[Heard] = []
    for each in heard:
        whose, turn = recorded.whose[each.played.place] if each.played.place >= 0 else (-1, -1)
        same = turn == each.turn and own[whose][: turn + 1] == own[each.agent][: turn + 1]
        if not same:
            found.append(each)
    return found


def check(agents: Sequence[Agent], say: Say, orders: int, rules: Rules = DEFAULT) -> set[Verdict]:
    """Replay in many orders; the verdicts that were given."""
    recorded = record(agents, say, seed=4711)
    player = Player(recorded.interactions, rules)
    verdicts: set[Verdict] = set()
    for seed in range(orders):
        tape = player.open()
        heard = replay(recorded, agents, tape, seed)
        assert strangers(recorded, agents, heard) == [], f"order {seed}"
        assert tape.plays() == (1,) * len(recorded.interactions), f"order {seed}"
        verdicts |= {each.played.verdict for each in heard}
    return verdicts


@pytest.mark.slow
@pytest.mark.parametrize("say", [alike, other_ids, own_words])
def test_eight_agents_with_one_prompt_get_their_own_replies_in_a_thousand_orders(say: Say) -> None:
    check(diverging(), say, orders=1000)


def test_where_the_first_replies_are_one_every_later_request_is_exact() -> None:
    assert check(diverging(), alike, orders=50) == {Verdict.EXACT}


@pytest.mark.parametrize("say", [other_ids, own_words])
def test_where_they_differ_the_turn_that_differs_tells_the_lanes_apart(say: Say) -> None:
    assert check(diverging(), say, orders=50) == {Verdict.EXACT, Verdict.NORMALISED}


@pytest.mark.parametrize("say", [alike, other_ids, own_words, same_words])
def test_lanes_that_differ_late_are_told_apart_late(say: Say) -> None:
    check(late(), say, orders=50)


@pytest.mark.parametrize("say", [alike, other_ids, own_words])
def test_lanes_that_part_twice_are_told_apart_twice(say: Say) -> None:
    check(in_pairs(), say, orders=50)


@pytest.mark.parametrize(
    "rules",
    [Rules(patterns=(r"[Tt]urn \d",)), Rules(json_paths=("messages[*].content[*].input.path",))],
)
def test_replies_are_recognised_without_what_is_volatile_in_them(rules: Rules) -> None:
    check(diverging(), own_words, orders=20, rules=rules)


@pytest.mark.parametrize("say", [alike, other_ids, own_words])
@pytest.mark.parametrize("turn", [0, 1, 2])
def test_retries_stay_in_their_lane(say: Say, turn: int) -> None:
    check(diverging(4, retried=turn), say, orders=50)


def test_where_one_agent_alone_was_retried_its_failure_goes_to_nobody_else() -> None:
    agents = [*diverging(4), Agent(4, (PROMPT, "File 4.", "More of file 4.", "Bye."), retried=1)]
    for say in (alike, other_ids, own_words):
        check(agents, say, orders=50)


@pytest.mark.parametrize("say", [other_ids, own_words])
def test_streams_tell_lanes_apart_as_whole_replies_do(say: Say) -> None:
    check(diverging(stream=True), say, orders=50)


def test_a_title_request_beside_each_main_request_keeps_its_own_order() -> None:
    """It asks about the same prompt, under another system prompt and without tools."""
    title = {"model": "claude-haiku-4-5", "max_tokens": 32, "system": "Give this a title."}
    agents = [*diverging(4), *(Agent(number, (PROMPT,), frame=title) for number in range(4, 8))]
    recorded = record(agents, own_words, seed=1)
    player = Player(recorded.interactions)
    for seed in range(100):
        heard = replay(recorded, agents, player.open(), seed)
        kinds = {(each.agent < 4, recorded.whose[each.played.place][0] < 4) for each in heard}
        assert kinds == {(True, True), (False, False)}
        assert strangers(recorded, agents, heard) == []


def test_a_conversation_that_branches_gets_the_replies_of_each_branch() -> None:
    """Two agents with a common beginning are two branches of one conversation."""
    branches = [Agent(number, (PROMPT, "Folder.", f"Branch {number}.", "Thank you.")) for number in range(4)]
    check(branches, same_words, orders=50)
    check(branches, own_words, orders=50)


@settings(max_examples=200)
@given(
    worlds=st.lists(
        st.tuples(
            st.lists(st.sampled_from("xyz"), min_size=1, max_size=4),
            st.lists(st.sampled_from(["x", "y", "own", "id"]), min_size=4, max_size=4),
            st.integers(-1, 3),
        ),
        min_size=2,
        max_size=7,
    ),
    seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_whatever_agents_say_and_are_told_each_gets_its_own_replies(
    worlds: list[tuple[list[str], list[str], int]], seeds: tuple[int, int]
) -> None:
    """Own turns and replies out of few, so that lanes are alike for a while, part and meet again."""
    agents = [
        Agent(number, (PROMPT, *own), retried=retried) for number, (own, _, retried) in enumerate(worlds)
    ]

    def say(agent: Agent, turn: int) -> list[Message]:
        reply = worlds[agent.number][1][turn % 4]
        own = f"{agent.number}_{turn}"
        return [text(own if reply == "own" else reply), tool(own if reply in {"own", "id"} else f"{turn}")]

    recorded = record(agents, say, seeds[0])
    tape = Player(recorded.interactions).open()
    assert strangers(recorded, agents, replay(recorded, agents, tape, seeds[1])) == []
    assert tape.unplayed() == ()


def test_polling_beside_conversations_keeps_its_order() -> None:
    polls = [Agent(9, ("Is it done?",)) for _ in range(5)]
    agents = [*diverging(4), *polls]
    answers = iter(range(5))

    def say(agent: Agent, turn: int) -> list[Message]:
        return [text(f"Poll {next(answers)}.")] if agent.number == 9 else own_words(agent, turn)

    recorded = record(agents, say, seed=2)
    order = [place for place, (whose, _) in enumerate(recorded.whose) if whose == 9]
    for seed in range(50):
        heard = replay(recorded, agents, Player(recorded.interactions).open(), seed)
        assert [each.played.place for each in heard if each.agent == 9] == order


def test_a_request_sent_once_too_often_takes_nothing_from_another_conversation() -> None:
    """Two agents were told the same; one of them asks twice."""
    agents = [Agent(number, (PROMPT, "The same.", f"File {number}.")) for number in range(2)]
    recorded = record(agents, own_words, seed=3)
    tape = Player(recorded.interactions).open()
    first = tape.play(recorded.interactions[recorded.whose.index((0, 0))].request)
    second = recorded.interactions[recorded.whose.index((recorded.whose[first.place][0], 1))].request
    assert tape.play(second).verdict is Verdict.EXACT
    assert tape.play(second).verdict is Verdict.MISS
    assert len(tape.unplayed()) == 4


def test_an_edited_reply_is_no_recorded_one() -> None:
    """What the assistant is made to have said is part of the question."""
    agents = diverging(2)
    recorded = record(agents, own_words, seed=3)
    tape = Player(recorded.interactions).open()
    opening = recorded.interactions[recorded.whose.index((0, 0))].request
    tape.play(opening)
    edited = recorded.interactions[recorded.whose.index((0, 1))].request
    body = edited.body.replace(b"Agent 0, turn 0.", b"I will not.")
    assert body != edited.body
    other = type(edited)(method=edited.method, uri=edited.uri, headers=edited.headers, body=body)
    assert tape.play(other).verdict is Verdict.MISS
