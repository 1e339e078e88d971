"""The lanes of a cassette: which recorded requests continue the same conversation.

A request continues another if its messages are the other's, then the other's reply, then more. Each place
that a conversation can be at is a *node*: the messages up to there, in which every turn that is a recorded
reply to what stands before it counts as "the reply", whatever it said. For replies to equal requests are
interchangeable: of eight agents that begin alike, each is given one of eight recorded first replies, and
whose recording it was matters only once the agents' own turns differ. Then those turns decide: the
requests at one node whose frames are equal too are a *group*, and whichever of its recordings is left
answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.recorder.matching.replies import content_of
from tokentape.recorder.matching.turns import conversation_of, digest, essence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokentape.recorder.cassette.interaction import Interaction
    from tokentape.recorder.matching.keys import Reading
    from tokentape.recorder.matching.turns import Conversation
    from tokentape.recorder.matching.volatile import Normaliser

_ROOT: Final = b""
_REPLY: Final = b"reply"


class Position(msgspec.Struct, frozen=True):
    """Where a request stands."""

    node: bytes
    group: bytes
    """The node together with the frame."""
    parent: bytes | None
    """The last node on the way whose reply it gives back; `None` where there is none."""
    heard: bytes | None
    """The essence of that reply."""
    follows: bytes | None
    """The last node on the way after which the assistant spoke, whatever it is made to have said."""
    under_way: bool
    """The assistant has spoken."""


class Lanes:
    """The positions of all recorded requests that are conversations."""

    def __init__(
        self,
        interactions: Sequence[Interaction],
        readings: Iterable[tuple[int, Reading]],
        normaliser: Normaliser,
    ) -> None:
        """`readings` with their places; what is no conversation is left out."""
        self._normaliser = normaliser
        self._interactions = interactions
        self._nodes: dict[bytes, list[int]] = {}
        self._groups: dict[bytes, list[int]] = {}
        self._children: dict[bytes, list[int]] = {}
        self._essences: dict[int, bytes | None] = {}
        self._replies: dict[bytes, set[bytes | None]] = {}
        self.positions: dict[int, Position] = {}
        found = ((place, conversation_of(reading)) for place, reading in readings)
        talks = [(len(talk.turns), place, talk) for place, talk in found if talk is not None]
        # A request has more messages than the one it continues, so that one is placed before it.
        for _, place, talk in sorted(talks, key=lambda each: each[:2]):
            self._add(place, self.position(talk))

    def position(self, talk: Conversation) -> Position:
        """Where a conversation stands among the recorded ones."""
        node, parent, heard, follows = _ROOT, None, None, None
        for turn in talk.turns:
            token = turn.digest
            if turn.essence is not None and node in self._nodes:
                follows = node
                if self._replied(node, turn.essence):
                    token, parent, heard = _REPLY, node, turn.essence
            node = digest(node, token)
        return Position(
            node=node,
            group=digest(talk.frame, node),
            parent=parent,
            heard=heard,
            follows=follows,
            under_way=talk.under_way,
        )

    def group(self, position: Position) -> Sequence[int]:
        """The recordings that may answer at a position, in order."""
        return self._groups.get(position.group, ())

    def after(self, place: int) -> Sequence[int]:
        """The recordings that continue one, or one that begins alike."""
        position = self.positions.get(place)
        return self._children.get(position.node, ()) if position else ()

    def openings(self) -> Sequence[int]:
        """The recordings in which the assistant has not spoken yet."""
        return [place for place, position in self.positions.items() if not position.under_way]

    def under_way(self) -> Sequence[int]:
        """The recordings in which the assistant has spoken."""
        return [place for place, position in self.positions.items() if position.under_way]

    def loose(self) -> Sequence[int]:
        """Those of them that continue nothing that was recorded."""
        return [place for place in self.under_way() if self.positions[place].follows is None]

    def saying(self, node: bytes, said: bytes) -> list[int]:
        """The recordings at a node whose reply has this essence."""
        return [place for place in self._nodes.get(node, ()) if self.said(place) == said]

    def said(self, place: int) -> bytes | None:
        """The essence of a recorded reply; `None` where it is no message."""
        if place not in self._essences:
            content = content_of(self._interactions[place].response)
            self._essences[place] = None if content is None else essence(self._sent_back(content))
        return self._essences[place]

    def _sent_back(self, content: list[Any]) -> Any:
        """A reply's content as it is in the next request, without what is volatile there."""
        message: dict[str, Any] = {"role": "assistant", "content": content}
        self._normaliser.value({"messages": [message]})
        return message.get("content")

    def _add(self, place: int, position: Position) -> None:
        self.positions[place] = position
        self._nodes.setdefault(position.node, []).append(place)
        self._groups.setdefault(position.group, []).append(place)
        if position.follows is not None:
            self._children.setdefault(position.follows, []).append(place)

    def _replied(self, node: bytes, said: bytes) -> bool:
        # Whoever asks has more messages than those at the node: all of them are there.
        if node not in self._replies:
            self._replies[node] = {self.said(place) for place in self._nodes.get(node, ())}
        return said in self._replies[node]
