"""Batches: created, polled, ended or canceled, fetched; their tokens counted once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse
from tests.recorder.standin.asking import AUTH, ask, ask_json, body, refusal, settings

from tokentape.recorder.standin.batches import Batch, Batches
from tokentape.recorder.standin.state import State
from tokentape.recorder.standin.totals import Tokens

PATH = "/v1/messages/batches"
WRONG = {"custom_id": "wrong", "params": body(model="claude-next")}


@pytest.fixture
def state() -> State:
    return State(settings(batch_polls=2, output_tokens=10))


def create(state: State, *requests: dict[str, Any]) -> MessageBatch:
    entries = [{"custom_id": "right", "params": body()}, *requests]
    return MessageBatch.model_validate(ask_json(state, {"requests": entries}, path=PATH))


def look(state: State, batch: MessageBatch) -> MessageBatch:
    return MessageBatch.model_validate(ask_json(state, b"", path=f"{PATH}/{batch.id}", method="GET"))


def counts(batch: MessageBatch) -> dict[str, object]:
    return batch.request_counts.to_dict()


def results(state: State, batch: MessageBatch) -> list[dict[str, Any]]:
    _, _, raw = ask(state, b"", path=f"{PATH}/{batch.id}/results", method="GET")
    return [json.loads(line) for line in raw.splitlines()]


def test_a_batch_ends_at_the_look_that_the_behaviour_says(state: State) -> None:
    batch = create(state, WRONG)
    first, second = look(state, batch), look(state, batch)

    assert [seen.processing_status for seen in (batch, first, second)] == [
        "in_progress",
        "in_progress",
        "ended",
    ]
    assert counts(first) == {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    assert counts(second) == {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0}
    assert (first.results_url, second.results_url) == (None, f"http://standin{PATH}/{batch.id}/results")


def test_results_are_messages_of_the_batch_tier_and_errors(state: State) -> None:
    batch = create(state, WRONG)
    look(state, look(state, batch))

    right, wrong = results(state, batch)

    MessageBatchIndividualResponse.model_validate(right, strict=True)
    assert (right["custom_id"], right["result"]["type"]) == ("right", "succeeded")
    assert right["result"]["message"]["usage"]["service_tier"] == "batch"
    assert wrong["custom_id"] == "wrong"
    assert wrong["result"]["type"] == "errored"
    assert wrong["result"]["error"]["error"] == {"type": "not_found_error", "message": "model: claude-next"}


def test_tokens_of_a_batch_are_counted_when_they_are_first_told(state: State) -> None:
    batch = create(state)
    look(state, look(state, batch))
    assert state.totals.batch_tokens == Tokens()

    results(state, batch)
    results(state, batch)

    assert state.totals.batch_tokens == Tokens(calls=1, input_tokens=4, output_tokens=10)
    assert state.totals.tokens == Tokens()


def test_a_batch_that_runs_has_no_results(state: State) -> None:
    batch = create(state)

    refused = refusal(state, b"", path=f"{PATH}/{batch.id}/results", method="GET")

    assert refused == (404, "not_found_error", f"Message Batch {batch.id} has no available results.")


def test_a_canceled_batch_ends_without_messages(state: State) -> None:
    batch = create(state)

    canceling = ask_json(state, b"", path=f"{PATH}/{batch.id}/cancel")
    ended = look(state, batch)

    assert (canceling["processing_status"], ended.processing_status) == ("canceling", "ended")
    assert ended.request_counts.canceled == 1
    assert results(state, batch) == [{"custom_id": "right", "result": {"type": "canceled"}}]
    assert state.totals.batch_tokens == Tokens()


def test_batches_are_listed_and_deleted(state: State) -> None:
    first, second = create(state), create(state)
    listed = ask_json(state, b"", path=PATH, method="GET")
    deleted = ask_json(state, b"", path=f"{PATH}/{first.id}", method="DELETE")

    assert [batch["id"] for batch in listed["data"]] == [second.id, first.id]
    assert deleted == {"id": first.id, "type": "message_batch_deleted"}
    assert refusal(state, b"", path=f"{PATH}/{first.id}", method="GET")[0] == 404


def test_an_empty_list_has_no_ends(state: State) -> None:
    page = ask_json(state, b"", path=PATH, method="GET")

    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_the_results_can_be_said_to_lie_elsewhere(state: State) -> None:
    steer = {"results_url": "http://proxy:8585", "batch_polls": 0}
    batch = create(state)
    look(state, batch)
    seen = ask_json(state, b"", path=f"{PATH}/{batch.id}", method="GET", steer=steer)

    assert seen["results_url"] == f"http://proxy:8585{PATH}/{batch.id}/results"


def test_a_batch_of_nothing_is_refused(state: State) -> None:
    assert refusal(state, {"requests": []}, path=PATH, headers=AUTH)[0] == 400


def test_the_oldest_of_many_batches_are_forgotten() -> None:
    batches, state = Batches(), State()
    for number in range(1_005):
        batches.add(Batch(str(number), state.wall(), 1))

    kept = [batch.id for batch in batches.newest()]
    assert (len(kept), kept[0], kept[-1]) == (1_000, "1004", "5")
