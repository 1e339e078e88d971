from __future__ import annotations

from tests.recorder.editing.samples import (
    CALL,
    MESSAGES,
    QUESTION,
    RESULT,
    answered,
    asked,
    conversation,
    first_turn,
    said,
    second_turn,
)

from tokentape.recorder.cassette.interaction import Interaction
from tokentape.recorder.editing.turns import turns_of


def test_a_turn_shows_what_no_turn_before_it_had() -> None:
    """The client has left the thinking out, and sent the tool's input as an object."""
    first, second = turns_of(conversation())
    assert (first.follows, first.messages) == (None, [QUESTION])
    assert (second.follows, second.messages) == (0, [{"role": "user", "content": [RESULT]}])
    assert second.reply is not None
    assert second.reply["content"] == [{"type": "text", "text": "Sunny in Rome."}]


def test_conversations_side_by_side_are_told_apart() -> None:
    other = Interaction(request=asked({"role": "user", "content": "Title?"}), response=said("Rome"))
    found = list(turns_of([first_turn(), other, second_turn()]))
    assert [turn.follows for turn in found] == [None, None, 0]


def test_a_request_sent_again_is_no_part_of_the_first() -> None:
    found = list(turns_of([first_turn(), first_turn(), second_turn()]))
    assert [(turn.follows, len(turn.messages)) for turn in found] == [(None, 1), (None, 1), (1, 1)]


def test_a_conversation_whose_reply_was_changed_begins_anew() -> None:
    changed = asked(
        QUESTION,
        {"role": "assistant", "content": [{**CALL, "input": {"city": "Paris"}}]},
        {"role": "user", "content": [RESULT]},
    )
    found = list(turns_of([first_turn(), Interaction(request=changed, response=said("x"))]))
    assert [(turn.follows, len(turn.messages)) for turn in found] == [(None, 1), (None, 3)]


def test_what_is_no_message_has_no_messages() -> None:
    models = Interaction(request=asked(uri=f"{MESSAGES[:-8]}models", method="GET"), response=answered(b"{}"))
    broken = Interaction(request=asked(), response=answered(b"<html>", status=502))
    for turn in turns_of([models, broken]):
        assert (turn.request, turn.messages, turn.reply, turn.follows) == (None, [], None, None)
