"""Every fault strikes every recorded reply, and leaves what comes before as it was recorded.

The recordings are those of `tests.support.recordings`.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import recordings
from tests.support.cassettes import to_cassettes

from tokentape.recorder.faults.apply import struck
from tokentape.recorder.faults.catalogue import DECLARATIONS, Declaration
from tokentape.recorder.faults.message import data_of, is_stream, message_in, usage_of, whole_events
from tokentape.recorder.faults.spec import read_fault
from tokentape.recorder.replay.answers import reply_for
from tokentape.recorder.wire.reply import Client, to_answer

if TYPE_CHECKING:
    from tokentape.recorder.wire.reply import Reply

ENDING = ("truncated", "context_window_exceeded", "refusal")


@pytest.fixture(scope="module")
def replies() -> list[Reply]:
    """The different replies of the recordings."""
    root = recordings.folder()
    if root is None:
        pytest.skip(f"{recordings.VARIABLE} names no folder of recordings")
    responses = {
        interaction.response.body: interaction.response
        for cassette in to_cassettes(recordings.load(root)).values()
        for interaction in cassette.interactions
    }
    return [reply_for(response) for response in responses.values()]


def body_of(reply: Reply) -> bytes:
    return b"".join(reply.body.data)


@pytest.mark.parametrize("declared", DECLARATIONS, ids=lambda declared: declared.name)
def test_every_fault_can_strike_every_reply(replies: list[Reply], declared: Declaration) -> None:
    fault = read_fault(declared.example)
    assert len(replies) > 500
    for reply in replies:
        faulty = struck(reply, fault)
        to_answer(faulty, Client())
        if declared.name in {"cut", "stall", "error_event"} and is_stream(reply):
            kept = b"".join(whole_events(reply.body).data[:3])
            assert body_of(faulty).startswith(kept)


def tokens_of(reply: Reply) -> int:
    return usage_of(reply).output


def well_formed(datas: list[dict[str, Any]]) -> bool:
    """Each block that is opened is closed, and the message ends."""
    kinds = [str(data.get("type")) for data in datas if data.get("type") != "ping"]
    opened = [kind for kind in kinds if kind in {"content_block_start", "content_block_stop"}]
    return (
        opened == ["content_block_start", "content_block_stop"] * (len(opened) // 2)
        and kinds[0] == "message_start"
        and kinds[-2:] == ["message_delta", "message_stop"]
    )


@pytest.mark.parametrize("name", ENDING)
def test_every_recorded_stream_can_end_early(replies: list[Reply], name: str) -> None:
    ended = 0
    for reply in filter(is_stream, replies):
        faulty = struck(reply, read_fault(name))
        if faulty == reply:
            continue
        ended += 1
        recorded = whole_events(reply.body).data
        same = list(takewhile(lambda pair: pair[0] == pair[1], zip(recorded, faulty.body.data, strict=False)))
        assert len(faulty.body.data) - len(same) <= 4
        assert well_formed(list(map(data_of, faulty.body.data)))
        assert tokens_of(faulty) == (0 if name == "refusal" else tokens_of(reply) // 2)
    assert ended > 100


@pytest.mark.parametrize("name", ENDING)
def test_every_recorded_message_can_end_early(replies: list[Reply], name: str) -> None:
    ended = 0
    for reply in replies:
        if is_stream(reply) or (recorded := message_in(reply)) is None:
            continue
        said = message_in(struck(reply, read_fault(name)))
        assert said is not None
        ended += 1
        assert len(said["content"]) <= len(recorded["content"])
        assert said["usage"]["output_tokens"] == (0 if name == "refusal" else tokens_of(reply) // 2)
        assert {*said} - {*recorded} <= {"stop_details"}
    assert ended > 100
