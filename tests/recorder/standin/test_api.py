"""The endpoints without a socket: shapes, refusals, steering, totals."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from anthropic.types import FileMetadata, MessageTokensCount, ModelInfo
from tests.recorder.standin.asking import (
    AUTH,
    MODEL,
    SERVED,
    ask,
    ask_json,
    body,
    events,
    refusal,
    settings,
)

from tokentape.recorder.standin.state import Call, State
from tokentape.recorder.standin.totals import Tokens, Totals


@pytest.fixture
def state() -> State:
    return State(settings())


RATE_LIMITS = {
    f"anthropic-ratelimit-{kind}-{end}"
    for kind in ("requests", "tokens", "input-tokens", "output-tokens")
    for end in ("limit", "remaining", "reset")
}


def names(head: bytes) -> list[str]:
    """The names of the headers."""
    return [line.partition(b":")[0].decode() for line in head.split(b"\r\n")[1:]]


def test_a_message_has_the_headers_of_the_api(state: State) -> None:
    status, head, _ = ask(state)

    assert status == 200
    assert names(head)[:5] == ["date", "content-type", "content-length", "connection", "request-id"]
    assert set(names(head)) >= {"anthropic-organization-id", *RATE_LIMITS}
    assert b"\r\ncontent-type: application/json\r\n" in head


def test_a_stream_has_the_headers_of_the_api(state: State) -> None:
    _, head, raw = ask(state, body(stream=True))

    assert b"\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n" in head
    assert set(names(head)) >= {"request-id", "cache-control", "anthropic-organization-id", *RATE_LIMITS}
    assert [events(raw)[place]["type"] for place in (0, -1)] == ["message_start", "message_stop"]


def test_request_ids_are_new_and_the_same_in_every_run() -> None:
    runs = [[ask_json(state)["id"] for _ in range(3)] for state in (State(settings()), State(settings()))]
    other = ask_json(State(settings(seed=1)))["id"]

    assert runs[0] == runs[1]
    assert len({*runs[0], other}) == 4


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "authentication_error", "x-api-key header is required")),
        ({b"authorization": b"Basic eA=="}, (401, "authentication_error", "x-api-key header is required")),
        ({b"x-api-key": b"sk-ant-invalid-1"}, (401, "authentication_error", "invalid x-api-key")),
        ({b"x-api-key": b"k"}, (400, "invalid_request_error", "anthropic-version: header is required")),
    ],
)
def test_a_client_must_say_who_it_is(
    state: State, headers: dict[bytes, bytes], expected: tuple[int, str, str]
) -> None:
    assert refusal(state, headers=headers) == expected
    assert state.totals.by_endpoint == {"/v1/messages": 1}


@pytest.mark.parametrize(
    "who",
    [{b"x-api-key": b"k"}, {b"api-key": b"k"}, {b"authorization": b"Bearer k"}],
)
def test_any_credential_is_welcome(state: State, who: dict[bytes, bytes]) -> None:
    assert ask(state, headers={**who, b"anthropic-version": b"2026-10-21"})[0] == 200


def test_a_refusal_has_the_shape_of_the_api(state: State) -> None:
    status, head, raw = ask(state, body(model="claude-next"))
    request_id = head.partition(b"request-id: ")[2].partition(b"\r\n")[0].decode()

    assert status == 404
    assert b"\r\nx-should-retry: false" in head
    assert json.loads(raw) == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "model: claude-next"},
        "request_id": request_id,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            body(max_tokens=64_001),
            f"max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for {SERVED}",
        ),
        (
            body(messages=[{"role": "user", "content": "x" * 800_004}]),
            "prompt is too long: 200001 tokens > 200000 maximum",
        ),
        (b"{", "The request body is not valid JSON: Input data was truncated"),
    ],
)
def test_what_a_model_cannot_do_is_refused(state: State, content: object, message: str) -> None:
    assert refusal(state, content) == (400, "invalid_request_error", message)


def test_a_behaviour_that_cannot_be_understood_is_refused(state: State) -> None:
    unknown = refusal(state, steer={"tttf": 1})
    fault = refusal(state, steer={"fault": "fire"})

    assert unknown == (
        400,
        "invalid_request_error",
        "x-standin-behaviour: Object contains unknown field `tttf`",
    )
    assert fault[2].startswith("x-standin-behaviour: There is no fault `fire`: use one of api_error, ")


def test_a_request_steers_its_own_reply(state: State) -> None:
    assert ask_json(state, steer={"text": "Yes."})["content"] == [{"type": "text", "text": "Yes."}]
    assert ask_json(state)["content"][0]["text"].startswith("A tape keeps")


def test_the_model_steers_where_the_process_says_so() -> None:
    state = State(settings(by_model={"claude-opus-*": {"text": "Opus."}}))

    assert ask_json(state, body(model="claude-opus-5"))["content"][0]["text"] == "Opus."
    assert ask_json(state)["content"][0]["text"] != "Opus."


def test_an_unknown_model_is_served_where_the_behaviour_allows_it(state: State) -> None:
    assert ask_json(state, body(model="claude-next"), steer={"any_model": True})["model"] == "claude-next"


@pytest.mark.parametrize(
    ("fault", "status", "kind", "retry"),
    [
        ("rate_limited", 429, "rate_limit_error", b"retry-after: 1"),
        ("rate_limited:retry_after_ms=20", 429, "rate_limit_error", b"retry-after-ms: 20"),
        ("overloaded", 529, "overloaded_error", b"x-should-retry: true"),
        ("api_error", 500, "api_error", b"x-should-retry: true"),
        ("status:code=504", 504, "timeout_error", b"x-should-retry: true"),
        ("status:code=402", 402, "billing_error", b"x-should-retry: false"),
        ("unauthorized", 401, "authentication_error", b"x-should-retry: false"),
        ("too_large", 413, "request_too_large", b"x-should-retry: false"),
        ("error_event:type=api_error", 500, "api_error", b"x-should-retry: true"),
    ],
)
def test_error_statuses_are_faults(state: State, fault: str, status: int, kind: str, retry: bytes) -> None:
    given, head, raw = ask(state, steer={"fault": fault})

    assert (given, json.loads(raw)["error"]["type"]) == (status, kind)
    assert b"\r\n" + retry in head
    assert state.totals.errors == {kind: 1}


def test_a_fault_ends_after_its_times_for_each_id(state: State) -> None:
    faulty = {"fault": "overloaded:times=2", "id": "one"}

    assert [ask(state, steer=faulty)[0] for _ in range(3)] == [529, 529, 200]
    assert ask(state, steer={**faulty, "id": "two"})[0] == 529


def test_without_an_id_all_requests_are_one_session(state: State) -> None:
    asked = [ask(state, body(max_tokens=n), steer={"fault": "overloaded:times=2"})[0] for n in (1, 2, 1, 2)]

    assert asked == [529, 529, 200, 200]


def test_faults_can_be_counted_for_each_request(state: State) -> None:
    faulty = {"fault": "overloaded:times=1,each=request"}

    asked = [ask(state, body(max_tokens=tokens), steer=faulty)[0] for tokens in (1, 2, 1, 2)]

    assert asked == [529, 529, 200, 200]


def test_a_fault_costs_no_tokens_and_writes_no_cache(state: State) -> None:
    cached = body(messages=[{"role": "user", "content": "x" * 40_000}], cache_control={"type": "ephemeral"})
    ask(state, cached, steer={"fault": "overloaded"})

    assert state.totals.tokens == Tokens()
    assert ask_json(state, cached)["usage"]["cache_creation_input_tokens"] == 10_000


def test_a_prompt_is_cached_by_credential_and_small_ones_are_not(state: State) -> None:
    def usage(characters: int, key: bytes = b"k") -> tuple[int, int]:
        content = body(
            messages=[{"role": "user", "content": "x" * characters}], cache_control={"type": "ephemeral"}
        )
        told = ask_json(state, content, headers={**AUTH, b"x-api-key": key})["usage"]
        return told["cache_creation_input_tokens"], told["cache_read_input_tokens"]

    assert [usage(16_384), usage(16_384), usage(16_384, b"other")] == [(4096, 0), (0, 4096), (4096, 0)]
    assert usage(16_380) == (0, 0)


def test_counting_counts_what_a_message_costs(state: State) -> None:
    prompt = {key: value for key, value in body(system="Be brief.").items() if key != "max_tokens"}

    counted = ask_json(state, prompt, path="/v1/messages/count_tokens")

    assert MessageTokensCount.model_validate(counted, strict=True).input_tokens == 7
    assert ask_json(state, body(system="Be brief."))["usage"]["input_tokens"] == 7
    assert refusal(state, {**prompt, "model": "x"}, path="/v1/messages/count_tokens")[0] == 404


def test_models_come_in_pages(state: State) -> None:
    seen: list[str] = []
    page: dict[str, Any] = {"has_more": True, "last_id": ""}
    while page["has_more"]:
        query = f"?limit=10&after_id={page['last_id']}" if page["last_id"] else "?limit=10"
        page = ask_json(state, b"", path=f"/v1/models{query}", method="GET")
        seen += [ModelInfo.model_validate(model).id for model in page["data"]]

    assert len(seen) == len(set(seen)) > 20
    before = ask_json(state, b"", path=f"/v1/models?limit=3&before_id={seen[5]}", method="GET")
    assert [model["id"] for model in before["data"]] == seen[2:5]
    assert refusal(state, b"", path="/v1/models?limit=0", method="GET")[0] == 400


def test_a_model_is_found_by_its_alias(state: State) -> None:
    found = ask_json(state, b"", path=f"/v1/models/{MODEL}", method="GET")

    assert (found["id"], found["display_name"], found["created_at"]) == (
        SERVED,
        "Claude Haiku 4.5",
        "2025-10-01T00:00:00Z",
    )
    assert refusal(state, b"", path="/v1/models/claude-next", method="GET") == (
        404,
        "not_found_error",
        "model: claude-next",
    )


def test_files_are_none(state: State) -> None:
    page = ask_json(state, b"", path="/v1/files", method="GET")

    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert [FileMetadata.model_validate(file) for file in page["data"]] == []


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/messages", (405, "invalid_request_error", "Method Not Allowed")),
        ("GET", "/v1/nothing", (404, "not_found_error", "Not found")),
        ("GET", "/", (404, "not_found_error", "Not found")),
        ("GET", "/v1/models/", (404, "not_found_error", "Not found")),
        ("POST", "/v1/messages/batches/x/y/z", (404, "not_found_error", "Not found")),
    ],
)
def test_other_paths_do_not_exist(
    state: State, method: str, path: str, expected: tuple[int, str, str]
) -> None:
    assert refusal(state, b"", path=path, method=method) == expected


@pytest.mark.parametrize("path", ["/v1/messages?beta=true", "/anthropic/v1/messages", "/@a=b/v1/messages?x"])
def test_queries_and_prefixes_are_ignored(state: State, path: str) -> None:
    assert ask(state, path=path)[0] == 200


def test_a_head_request_is_a_get(state: State) -> None:
    assert Call(b"HEAD", b"/v1/models", AUTH, b"").method == b"GET"
    assert ask(state, b"", path="/v1/models", method="HEAD")[0] == 200


def test_a_compressed_request_is_understood(state: State) -> None:
    content = gzip.compress(json.dumps(body()).encode())

    assert ask(state, content, headers={**AUTH, b"content-encoding": b"gzip"})[0] == 200
    assert state.totals.bytes_in == len(content)


def test_totals_can_be_read_and_reset(state: State) -> None:
    _, head, raw = ask(state)

    told = ask_json(state, b"", path="/.standin/totals", method="GET")
    reset = ask_json(state, b"", path="/.standin/reset", headers={})

    assert told == reset
    assert (told["requests"], told["finished"], told["bytes_out"]) == (1, 1, len(head + b"\r\n\r\n" + raw))
    assert state.totals == Totals()
    assert ask_json(state, b"", path="/.standin/healthz", method="GET") == {"status": "ok"}
    assert ask(state, b"", path="/.standin/other", method="GET")[0] == 404


def test_the_cache_can_be_switched_off(state: State) -> None:
    cached = body(messages=[{"role": "user", "content": "x" * 40_000}], cache_control={"type": "ephemeral"})
    usages = [ask_json(state, cached, steer={"cache": False})["usage"] for _ in range(2)]

    assert [usage["input_tokens"] for usage in usages] == [10_000] * 2
    assert [usage["cache_creation_input_tokens"] + usage["cache_read_input_tokens"] for usage in usages] == [
        0,
        0,
    ]
