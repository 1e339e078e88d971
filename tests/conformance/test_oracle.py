"""The corpus is what it is taken for, and its oracles agree with each other."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.sdk_oracle import Oracle, Truth, remerged_usage

if TYPE_CHECKING:
    from tests.support.recordings import Interaction


def test_the_corpus_is_complete(interactions: list[Interaction], replies: list[Interaction]) -> None:
    streams = [reply for reply in replies if reply.stream]
    counts = (len({i.file for i in interactions}), len(interactions), len(replies), len(streams))
    assert counts == (489, 2657, 700, 356)
    assert len({reply.name for reply in replies}) == len(replies)
    assert Counter(reply.status for reply in replies) == {200: 682, 400: 11, 404: 4, 401: 3}
    assert Counter(reply.stored_encoding for reply in replies) == {"identity": 647, "gzip": 53}


def test_the_sdk_accumulates_every_reply(truths: dict[str, Truth], replies: list[Interaction]) -> None:
    """So no reply needs an oracle of our own making."""
    told = [truths[reply.name] for reply in replies if reply.status == 200]
    assert [truth for truth in told if not (truth.message_id and truth.model and truth.stop_reason)] == []
    assert sum(len(truth.tool_calls) for truth in told) == 211


def test_the_sdk_and_a_plain_merge_agree_on_every_stream(
    truths: dict[str, Truth], replies: list[Interaction]
) -> None:
    streams = [reply for reply in replies if reply.stream]
    differing = [reply.name for reply in streams if truths[reply.name].usage != remerged_usage(reply.body)]
    assert differing == []


@pytest.mark.parametrize("delta", [{}, {"service_tier": "batch", "inference_geo": None}])
def test_fields_that_the_sdk_never_merges_follow_the_last_value(
    oracle: Oracle, delta: dict[str, Any]
) -> None:
    start = {"input_tokens": 3, "output_tokens": 1, "service_tier": "standard", "inference_geo": "us"}
    truth = oracle.truth_of_stream(_stream(start, {"output_tokens": 5} | delta))
    tier = {"service_tier": delta.get("service_tier", "standard")}
    assert truth.usage == {"input_tokens": 3, "output_tokens": 5, "inference_geo": "us"} | tier


def test_errors_keep_status_and_type(truths: dict[str, Truth], replies: list[Interaction]) -> None:
    refused = [truths[reply.name] for reply in replies if reply.status != 200]
    assert Counter((truth.status, truth.error_type) for truth in refused) == {
        (400, "invalid_request_error"): 11,
        (404, "not_found_error"): 4,
        (401, "authentication_error"): 3,
    }


def _stream(start: dict[str, Any], delta: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
    }
    sent: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"message": message | {"usage": start}}),
        ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": delta}),
        ("message_stop", {}),
    ]
    return b"".join(
        f"event: {name}\ndata: {json.dumps({'type': name} | data)}\n\n".encode() for name, data in sent
    )
