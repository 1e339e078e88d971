"""What each call adds to its conversation: a request repeats all that was said before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.routes import COUNT_TOKENS, MESSAGES, find_route
from tokentape.proxy.messages.tolerant import is_array, is_object
from tokentape.recorder.editing.replies import content_of, message_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokentape.recorder.cassette.interaction import Interaction

_LOOKED_BACK: Final = 200
"""Conversations that a request may go on with; the latest are looked at first."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a conversation."""

    number: int
    """Of the interaction, counted from 0."""
    interaction: Interaction
    request: dict[str, Any] | None
    """The body as JSON; `None` where it is no message request."""
    follows: int | None
    """The interaction whose conversation this one goes on with."""
    messages: list[dict[str, Any]]
    """Of the request, less those that were there before."""
    reply: dict[str, Any] | None
    """The message; `None` where the reply is none."""


class _Conversation(msgspec.Struct):
    number: int
    essences: list[bytes]


def turns_of(interactions: Iterable[Interaction]) -> Iterator[Turn]:
    """All interactions in order, as turns."""
    known: list[_Conversation] = []
    for number, interaction in enumerate(interactions):
        request = _request(interaction)
        messages = _messages(request) if request is not None else []
        essences = [_essence(message) for message in messages]
        before = _before(essences, known)
        reply = message_of(interaction.response)
        if request is not None and reply is not None:
            known.append(_Conversation(number, [*essences, _essence(reply)]))
        yield Turn(
            number=number,
            interaction=interaction,
            request=request,
            follows=before.number if before else None,
            messages=messages[len(before.essences) if before else 0 :],
            reply=reply,
        )


def _request(interaction: Interaction) -> dict[str, Any] | None:
    endpoint = find_route(interaction.request.method, interaction.request.uri).endpoint
    body = tolerant.parse(interaction.request.body) if endpoint in {MESSAGES, COUNT_TOKENS} else None
    return body if is_object(body) else None


def _messages(request: dict[str, Any]) -> list[dict[str, Any]]:
    messages = request.get("messages")
    return [message for message in messages if is_object(message)] if is_array(messages) else []


def _before(essences: list[bytes], known: list[_Conversation]) -> _Conversation | None:
    """The longest conversation that the messages begin with; of two equal ones, the latest."""
    found = [one for one in known[-_LOOKED_BACK:] if essences[: len(one.essences)] == one.essences]
    return max(found, key=lambda one: (len(one.essences), one.number), default=None)


def _essence(message: dict[str, Any]) -> bytes:
    """What was said by whom: clients leave out thinking, nulls, citations and cache marks."""
    said = [_said(block) for block in content_of(message)]
    return msgspec.json.encode([message.get("role"), [one for one in said if one]], order="sorted")


def _said(block: dict[str, Any]) -> Any:
    match block:
        case {"type": "text", "text": str(text)}:
            return text.strip()
        case {"type": "thinking" | "redacted_thinking"}:
            return None
        case {"type": str(kind), "input": given, "name": name}:
            return [kind, name, given]
        case {"type": "tool_result"}:
            return ["tool_result", block.get("tool_use_id"), block.get("content")]
        case _:
            return [block.get("type"), block.get("source")]
