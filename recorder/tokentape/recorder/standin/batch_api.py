"""The endpoints of message batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.recorder.standin import render
from tokentape.recorder.standin.batches import Batch
from tokentape.recorder.standin.behaviour import HEADER
from tokentape.recorder.standin.heads import JSONL
from tokentape.recorder.standin.messages import answer_turn
from tokentape.recorder.standin.request import BatchEntry, read_batch, read_message_request
from tokentape.recorder.standin.totals import Tally
from tokentape.recorder.wire.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.standin.answer import Answer
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.standin.state import Call, State

    Methods = dict[bytes, Callable[[State, Call], Answer]]
    """By HTTP method, the function that answers."""

BATCHES: Final = "/v1/messages/batches"


def create(state: State, call: Call) -> Answer:
    """Create a batch and work out its results.

    Raises:
        ApiError: the request is refused.
    """
    entries = read_batch(call.body)
    behaviour = _behaviour(state, call)
    fault = state.fault(call, behaviour)
    batch = Batch(state.ids.next("msgbatch"), state.wall(), behaviour.batch_polls)
    for entry in entries:
        _run(state, call, batch, entry)
    state.batches.add(batch)
    return _json(state, call, batch.as_json(_base_url(call, behaviour)), fault)


def newest(state: State, call: Call) -> Answer:
    """All batches on one page."""
    base_url = _base_url(call, _behaviour(state, call))
    data = [batch.as_json(base_url) for batch in state.batches.newest()]
    value = {
        "data": data,
        "has_more": False,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
    return _json(state, call, value)


def _run(state: State, call: Call, batch: Batch, entry: BatchEntry) -> None:
    """Work out one result. What is wrong with a request is its own result, not the batch's."""
    try:
        request = read_message_request(entry.params)
        behaviour = state.behaviours.find(request.model, call.header(HEADER))
        batched = msgspec.structs.replace(behaviour, service_tier="batch")
        turn = answer_turn(state, request, batched, call.credential)
    except ApiError as error:
        refusal = msgspec.json.decode(error.body(call.request_id))
        batch.add(entry.custom_id, {"type": "errored", "error": refusal}, None)
    else:
        batch.add(entry.custom_id, {"type": "succeeded", "message": render.message_object(turn)}, turn.usage)


def _retrieve(state: State, call: Call) -> Answer:
    batch = state.batches.get(_id(call))
    behaviour = _behaviour(state, call)
    fault = state.fault(call, behaviour)
    batch.look(state.wall())
    return _json(state, call, batch.as_json(_base_url(call, behaviour)), fault)


def _cancel(state: State, call: Call) -> Answer:
    batch = state.batches.get(_id(call))
    batch.cancel(state.wall())
    value = batch.as_json(_base_url(call, _behaviour(state, call)))
    return _json(state, call, value)


def _delete(state: State, call: Call) -> Answer:
    batch_id = _id(call)
    state.batches.remove(batch_id)
    return _json(state, call, {"id": batch_id, "type": "message_batch_deleted"})


def _results(state: State, call: Call) -> Answer:
    batch = state.batches.get(_id(call))
    behaviour = _behaviour(state, call)
    fault = state.fault(call, behaviour)
    if batch.ended is None:
        raise ApiError(404, f"Message Batch {batch.id} has no available results.")
    for usage in batch.fetch():
        state.totals.batch_tokens.add(usage)
    body = b"".join(msgspec.json.encode(result) + b"\n" for result in batch.results)
    tally = Tally(endpoint=call.endpoint, status=200)
    disposition = f"content-disposition: attachment; filename*=utf-8''{batch.id}_results.jsonl\r\n".encode()
    return state.whole(call, behaviour, tally, body, content_type=JSONL, headers=disposition, fault=fault)


def _json(state: State, call: Call, value: Any, fault: Fault | None = None) -> Answer:
    tally = Tally(endpoint=call.endpoint, status=200)
    return state.whole(call, _behaviour(state, call), tally, msgspec.json.encode(value), fault=fault)


def _behaviour(state: State, call: Call) -> Behaviour:
    return state.behaviours.find("", call.header(HEADER))


def _id(call: Call) -> str:
    return call.path.removeprefix(f"{BATCHES}/").partition("/")[0]


def _base_url(call: Call, behaviour: Behaviour) -> str:
    return behaviour.results_url or f"http://{call.header(b'host').decode('latin-1')}"


BELOW: Final[dict[str, Methods]] = {
    f"{BATCHES}/{{id}}": {b"GET": _retrieve, b"DELETE": _delete},
    f"{BATCHES}/{{id}}/cancel": {b"POST": _cancel},
    f"{BATCHES}/{{id}}/results": {b"GET": _results},
}
"""The endpoints of one batch."""
