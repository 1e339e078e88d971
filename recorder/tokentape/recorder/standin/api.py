"""Which endpoint answers a request, and the small endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from tokentape.recorder.standin import batch_api, messages
from tokentape.recorder.standin.behaviour import HEADER, BehaviourError
from tokentape.recorder.standin.catalogue import MODELS, find_model, model_info
from tokentape.recorder.standin.totals import Tally, Totals, as_json
from tokentape.recorder.wire.coding import decoded
from tokentape.recorder.wire.errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.recorder.standin.answer import Answer
    from tokentape.recorder.standin.batch_api import Methods
    from tokentape.recorder.standin.state import Call, State

OWN: Final = "/.standin/"
"""Below it are the stand-in's own answers: `totals`, `reset`, `healthz`."""
REFUSED_KEY: Final = b"sk-ant-invalid"
"""Credentials that begin so are refused; every other one is welcome."""


def answer(state: State, call: Call) -> Answer:
    """The reply to a request; every refusal is one, too."""
    try:
        if call.path.startswith(OWN):
            return _own(state, call)
        state.totals.requests += 1
        state.totals.bytes_in += len(call.body)
        call.endpoint, methods = _find(call.path)
        _authenticate(call)
        call.body = decoded(call.body, call.header(b"content-encoding"))
        return _endpoint(call, methods)(state, call)
    except BehaviourError as error:
        return state.refused(call, invalid(f"{HEADER.decode()}: {error}"))
    except ApiError as error:
        return state.refused(call, error)


def _authenticate(call: Call) -> None:
    if not call.credential:
        raise ApiError(401, "x-api-key header is required")
    if call.credential.startswith(REFUSED_KEY):
        raise ApiError(401)
    if not call.header(b"anthropic-version"):
        raise invalid("anthropic-version: header is required")


def _endpoint(call: Call, methods: Methods) -> Callable[[State, Call], Answer]:
    if not methods:
        raise ApiError(404, "Not found")
    endpoint = methods.get(call.method)
    if endpoint is None:
        raise ApiError(405, "Method Not Allowed")
    return endpoint


def _find(path: str) -> tuple[str, Methods]:
    """The name of an endpoint, ids replaced by `{id}`, and what can be done there."""
    if path in _ENDPOINTS:
        return path, _ENDPOINTS[path]
    for above in (batch_api.BATCHES, "/v1/models"):
        first, *more = path.removeprefix(f"{above}/").split("/")
        name = "/".join((above, "{id}", *more))
        if path.startswith(above) and first and name in _ENDPOINTS:
            return name, _ENDPOINTS[name]
    return "other", {}


def _json(state: State, call: Call, value: Any) -> Answer:
    behaviour = state.behaviours.find("", call.header(HEADER))
    fault = state.fault(call, behaviour)
    return state.whole(
        call, behaviour, Tally(endpoint=call.endpoint, status=200), msgspec.json.encode(value), fault=fault
    )


def _models(state: State, call: Call) -> Answer:
    """All models, in pages (`limit`, `after_id`, `before_id`)."""
    query = parse_qs(call.target.partition(b"?")[2].decode("latin-1"))
    ids = [model.id for model in MODELS]
    limit = _whole_number(query.get("limit", ["20"])[0])
    start, end = 0, len(ids)
    if after := query.get("after_id"):
        start = ids.index(after[0]) + 1 if after[0] in ids else end
    if before := query.get("before_id"):
        end = ids.index(before[0]) if before[0] in ids else start
        start = max(start, end - limit)
    page = MODELS[start : min(end, start + limit)]
    value = {
        "data": [model_info(model) for model in page],
        "has_more": start + limit < end,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }
    return _json(state, call, value)


def _whole_number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise invalid("limit: Input should be between 1 and 1000")
    return int(text)


def _model(state: State, call: Call) -> Answer:
    name = call.path.rpartition("/")[2]
    model = find_model(name)
    if model is None:
        raise ApiError(404, f"model: {name}")
    return _json(state, call, model_info(model))


def _files(state: State, call: Call) -> Answer:
    value: dict[str, Any] = {"data": [], "has_more": False, "first_id": None, "last_id": None}
    return _json(state, call, value)


_ENDPOINTS: Final[dict[str, Methods]] = {
    messages.MESSAGES: {b"POST": messages.create_message},
    messages.COUNT_TOKENS: {b"POST": messages.count_tokens},
    batch_api.BATCHES: {b"POST": batch_api.create, b"GET": batch_api.newest},
    **batch_api.BELOW,
    "/v1/models": {b"GET": _models},
    "/v1/models/{id}": {b"GET": _model},
    "/v1/files": {b"GET": _files},
}


def _own(state: State, call: Call) -> Answer:
    """The stand-in's own paths, which are not counted."""
    what = call.path.removeprefix(OWN)
    if what == "totals":
        value = as_json(state.totals)
    elif what == "reset" and call.method == b"POST":
        value = as_json(state.totals)
        state.totals = Totals()
    elif what == "healthz":
        value = {"status": "ok"}
    else:
        raise ApiError(404, "Use GET /.standin/totals, POST /.standin/reset or GET /.standin/healthz.")
    tally = Tally(endpoint=OWN, status=200)
    return state.whole(call, state.settings, tally, msgspec.json.encode(value))
