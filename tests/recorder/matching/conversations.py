"""Agents that talk to a recorded model: what they said when they were recorded, and again in any order.

An agent's own turns are its prompt and its tool results. When it talks, it sends back whatever reply it was
given, with the ids of that reply, as real clients do.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import msgspec

from tokentape.recorder.cassette.interaction import Interaction, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tokentape.recorder.matching.player import Tape
    from tokentape.recorder.matching.verdict import Played

URI = "https://api.anthropic.com/v1/messages"
HEADERS = (("anthropic-version", "2023-06-01"), ("content-type", "application/json"))

Message = dict[str, Any]


class Agent(msgspec.Struct, frozen=True):
    """One agent."""

    number: int
    own: tuple[str, ...]
    """What it says itself, turn by turn."""
    frame: dict[str, Any] = msgspec.field(default_factory=lambda: {"model": "claude-haiku-4-5"})
    stream: bool = False
    retried: int = -1
    """The turn whose first try was recorded as failed."""


def post(body: Any, *, headers: Sequence[tuple[str, str]] = HEADERS, uri: str = URI) -> Request:
    """A request to the API."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(method="POST", uri=uri, headers=tuple(headers), body=data)


def message(content: list[Message] | str) -> Response:
    """A reply."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    body = {"id": "msg_1", "type": "message", "role": "assistant", "content": blocks, "model": "claude"}
    return Response(
        status=200, headers=(("content-type", "application/json"),), body=json.dumps(body).encode()
    )


def streamed(content: list[Message]) -> Response:
    """The same as a stream."""
    events: list[Message] = [{"type": "message_start", "message": {"id": "msg_1", "content": []}}]
    for index, block in enumerate(content):
        if block["type"] == "tool_use":
            begun: Message = block | {"input": {}}
            text = json.dumps(block["input"])
            pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in (text[:4], text[4:])]
        else:
            begun = {"type": "text", "text": ""}
            pieces = [{"type": "text_delta", "text": block["text"]}]
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [{"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_stop"})
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}   \n\n" for event in events)
    return Response(status=200, headers=(("content-type", "text/event-stream"),), body=text.encode())


OVERLOADED = Response(
    status=529,
    headers=(("content-type", "application/json"),),
    body=b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
)


class Talk:
    """One agent talking."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.turn = 0
        self.failed = False
        self.messages: list[Message] = [{"role": "user", "content": agent.own[0]}]

    @property
    def over(self) -> bool:
        return self.turn == len(self.agent.own)

    def request(self) -> Request:
        more = {"stream": True} if self.agent.stream else {}
        return post(self.agent.frame | more | {"messages": self.messages})

    def answered(self, content: list[Message]) -> None:
        """Take a reply in, and say what comes next."""
        self.turn += 1
        self.failed = False
        self.messages.append({"role": "assistant", "content": content})
        if not self.over:
            said = self.agent.own[self.turn]
            ids = [block["id"] for block in content if block["type"] == "tool_use"]
            results = [{"type": "tool_result", "tool_use_id": each, "content": said} for each in ids]
            self.messages.append({"role": "user", "content": results or said})


class Recorded(msgspec.Struct, frozen=True):
    """A cassette of agents, and what each interaction is."""

    interactions: tuple[Interaction, ...]
    contents: tuple[list[Message] | None, ...]
    """Of each reply; `None` where the try failed."""
    whose: tuple[tuple[int, int], ...]
    """Agent and turn."""


def record(agents: Sequence[Agent], say: Callable[[Agent, int], list[Message]], seed: int) -> Recorded:
    """Let agents talk to a model in a random order; `say` is what the model says to an agent at a turn."""
    interactions: list[Interaction] = []
    contents: list[list[Message] | None] = []
    whose: list[tuple[int, int]] = []
    for talk in shuffled([Talk(agent) for agent in agents], seed):
        request = talk.request()
        whose.append((talk.agent.number, talk.turn))
        if talk.turn == talk.agent.retried and not talk.failed:
            talk.failed = True
            contents.append(None)
            interactions.append(Interaction(request=request, response=OVERLOADED))
            continue
        content = say(talk.agent, talk.turn)
        response = streamed(content) if talk.agent.stream else message(content)
        contents.append(content)
        interactions.append(Interaction(request=request, response=response))
        talk.answered(content)
    return Recorded(tuple(interactions), tuple(contents), tuple(whose))


class Heard(msgspec.Struct, frozen=True):
    """One request of an agent, and what it was given."""

    agent: int
    turn: int
    failed: bool
    """It is a retry."""
    played: Played


def replay(recorded: Recorded, agents: Sequence[Agent], tape: Tape, seed: int) -> list[Heard]:
    """Let the agents talk again, in another order, each with the replies it is given. Stops at a miss."""
    heard: list[Heard] = []
    for talk in shuffled([Talk(agent) for agent in agents], seed):
        played = tape.play(talk.request())
        heard.append(Heard(talk.agent.number, talk.turn, talk.failed, played))
        if played.interaction is None:
            break
        content = recorded.contents[played.place]
        if content is None:
            talk.failed = True
        else:
            talk.answered(content)
    return heard


def shuffled(talks: list[Talk], seed: int) -> Iterable[Talk]:
    """Whose turn it is, until all are over."""
    rng = random.Random(seed)
    while talks:
        talk = rng.choice(talks)
        yield talk
        if talk.over:
            talks.remove(talk)
