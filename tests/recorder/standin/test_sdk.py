"""The real SDK against the stand-in: what it accumulates is what the stand-in says it said."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import anthropic
import pytest
from tests.recorder.standin.asking import MODEL, SERVED, settings

from tokentape.recorder.standin.server import StandIn, standing_in
from tokentape.recorder.standin.tokens import is_array, is_object
from tokentape.recorder.standin.totals import Tokens

if TYPE_CHECKING:
    from collections.abc import Generator

    from anthropic.types import Message, Usage

QUESTION: list[Any] = [{"role": "user", "content": "What is a tape?"}]
WEATHER: Any = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
LONG = "x" * 4 * 5000
MARK: Any = {"type": "ephemeral"}


@pytest.fixture
def standin() -> Generator[StandIn]:
    with standing_in(settings(padding=True)) as running:
        yield running


@pytest.fixture
def client(standin: StandIn) -> Generator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=standin.url, api_key="sk-ant-test") as made:
        yield made


def told(*usages: Usage) -> Tokens:
    """The sum of what the SDK was told, as the stand-in's totals have it."""
    tokens = Tokens()
    for usage in usages:
        split, tools, details = usage.cache_creation, usage.server_tool_use, usage.output_tokens_details
        tokens.calls += 1
        tokens.input_tokens += usage.input_tokens
        tokens.output_tokens += usage.output_tokens
        tokens.cache_read_input_tokens += usage.cache_read_input_tokens or 0
        tokens.ephemeral_5m_input_tokens += split.ephemeral_5m_input_tokens if split else 0
        tokens.ephemeral_1h_input_tokens += split.ephemeral_1h_input_tokens if split else 0
        tokens.thinking_tokens += details.thinking_tokens if details else 0
        tokens.web_search_requests += tools.web_search_requests if tools else 0
        assert usage.model_extra == {}
    return tokens


def steered(**behaviour: Any) -> dict[str, str]:
    """The header that steers a reply."""
    return {"x-standin-behaviour": json.dumps(behaviour)}


def streamed(client: anthropic.Anthropic, **request: Any) -> Message:
    """The message that the SDK puts together from a stream."""
    asked: Any = {"model": MODEL, "max_tokens": 2000, "messages": QUESTION, **request}
    with client.messages.stream(**asked) as stream:
        return stream.get_final_message()


def created(client: anthropic.Anthropic, **request: Any) -> Message:
    """The message of a call without a stream."""
    asked: Any = {"model": MODEL, "max_tokens": 2000, "messages": QUESTION, **request}
    return cast("Message", client.messages.create(**asked))


@pytest.mark.parametrize("ask", [created, streamed])
def test_what_the_sdk_adds_up_is_what_was_said(
    client: anthropic.Anthropic, standin: StandIn, ask: Any
) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    everything = ["thinking", "redacted_thinking", "server_tool_use", "text", "tool_use"]
    messages = [
        ask(client),
        ask(client, thinking=thinking),
        ask(client, tools=[WEATHER], tool_choice={"type": "any"}),
        ask(client, system=[{"type": "text", "text": LONG, "cache_control": MARK}]),
        ask(client, system=[{"type": "text", "text": LONG, "cache_control": MARK}]),
        ask(client, cache_control={"type": "ephemeral", "ttl": "1h"}, system=LONG),
        ask(client, extra_headers=steered(blocks=everything, output_tokens=200, web_searches=3)),
        ask(client, max_tokens=5),
    ]

    assert standin.totals.tokens == told(*(message.usage for message in messages))
    assert standin.totals.models == {SERVED: standin.totals.tokens}
    assert standin.totals.unfinished_tokens == Tokens()
    assert [message.stop_reason for message in messages] == [
        *("end_turn", "end_turn", "tool_use", "end_turn", "end_turn", "end_turn", "tool_use", "max_tokens"),
    ]
    tokens = standin.totals.tokens
    # The third request with the long system prompt reads it, and writes only the question.
    assert (tokens.ephemeral_5m_input_tokens, tokens.cache_read_input_tokens) == (5000, 10_000)
    assert tokens.ephemeral_1h_input_tokens == 4
    assert (tokens.web_search_requests, tokens.thinking_tokens) == (3, 16 + 32)


def test_a_stream_and_a_whole_reply_say_the_same(client: anthropic.Anthropic) -> None:
    everything = ["thinking", "redacted_thinking", "server_tool_use", "text", "tool_use"]
    request = {"tools": [WEATHER], "extra_headers": steered(blocks=everything, output_tokens=150)}
    both = [ask(client, **request).to_dict(warnings=False) for ask in (created, streamed)]

    whole, stream = (anonymous(message) for message in both)

    assert stream == whole


def anonymous(value: Any) -> Any:
    """The same JSON without ids, and without what the SDK's parser adds."""
    if is_object(value):
        left = ("id", "tool_use_id", "parsed_output")
        return {name: anonymous(inner) for name, inner in value.items() if name not in left}
    return [anonymous(inner) for inner in value] if is_array(value) else value


def test_a_conversation_with_a_tool_ends(client: anthropic.Anthropic) -> None:
    messages = list(QUESTION)
    reasons: list[str | None] = []
    for _ in range(2):
        said = streamed(
            client,
            messages=messages,
            tools=[WEATHER],
            extra_headers=steered(tool={"name": "get_weather", "input": {"city": "Paris"}}),
        )
        reasons.append(said.stop_reason)
        use = said.content[-1]
        if use.type == "tool_use":
            assert use.input == {"city": "Paris"}
            messages += [
                said.to_param(),
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "sun"}],
                },
            ]

    assert reasons == ["tool_use", "end_turn"]


@pytest.mark.parametrize("fault", ["overloaded", "rate_limited:retry_after_ms=1", "api_error", "hang_up"])
def test_the_sdk_retries_until_the_fault_is_over(
    client: anthropic.Anthropic, standin: StandIn, fault: str
) -> None:
    spec = fault + ("," if ":" in fault else ":") + "times=1"
    raw = client.messages.with_raw_response.create(
        model=MODEL, max_tokens=9, messages=QUESTION, extra_headers=steered(fault=spec, id=fault)
    )

    assert raw.retries_taken == 1
    assert raw.parse().stop_reason == "max_tokens"
    assert standin.totals.requests == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limited", anthropic.RateLimitError),
        ("overloaded", anthropic.InternalServerError),
        ("api_error", anthropic.InternalServerError),
        ("unauthorized", anthropic.AuthenticationError),
        ("too_large", anthropic.RequestTooLargeError),
        ("status:code=403", anthropic.PermissionDeniedError),
        ("hang_up", anthropic.APIConnectionError),
        ("cut", anthropic.APIConnectionError),
    ],
)
def test_faults_are_the_sdks_errors(client: anthropic.Anthropic, fault: str, error: type[Exception]) -> None:
    impatient = client.with_options(max_retries=0)

    with pytest.raises(error):
        created(impatient, extra_headers=steered(fault=fault))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("error_event:after=4", anthropic.APIStatusError),
        ("cut:after=4", Exception),
        ("cut:after=4,inside=1", Exception),
        ("malformed:after=4", Exception),
    ],
)
def test_faults_inside_a_stream_reach_the_application(
    client: anthropic.Anthropic, standin: StandIn, fault: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        streamed(client, extra_headers=steered(fault=fault))

    assert standin.totals.requests == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "accept"])
def test_the_sdk_reads_every_coding(client: anthropic.Anthropic, standin: StandIn, encoding: str) -> None:
    steer = steered(encoding=encoding, separate=True)
    messages = [ask(client, extra_headers=steer) for ask in (created, streamed)]

    assert standin.totals.tokens == told(*(message.usage for message in messages))
    assert messages[0].to_dict()["content"] == anonymous(messages[1].to_dict(warnings=False))["content"]


def test_batches_run_to_their_results(client: anthropic.Anthropic, standin: StandIn) -> None:
    batch = client.messages.batches.create(
        requests=[
            {"custom_id": "a", "params": {"model": MODEL, "max_tokens": 9, "messages": QUESTION}},
            {"custom_id": "b", "params": {"model": "claude-next", "max_tokens": 9, "messages": QUESTION}},
        ]
    )
    results = list(client.messages.batches.results(batch.id))

    assert [(result.custom_id, result.result.type) for result in results] == [
        ("a", "succeeded"),
        ("b", "errored"),
    ]
    [usage] = [result.result.message.usage for result in results if result.result.type == "succeeded"]
    assert standin.totals.batch_tokens == told(usage)
    assert usage.service_tier == "batch"


def test_the_small_endpoints_answer(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=QUESTION)
    models = [model.id for model in client.models.list(limit=7)]

    assert counted.input_tokens == created(client).usage.input_tokens
    assert len(models) > 20
    assert client.models.retrieve(MODEL).id == SERVED
    assert list(client.beta.files.list()) == []


def test_a_wrong_request_is_the_sdks_bad_request(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        created(client, messages=[])

    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id
    assert "messages: at least one message is required" in str(caught.value)


def test_a_client_that_leaves_early_is_seen(client: anthropic.Anthropic, standin: StandIn) -> None:
    with client.messages.create(
        model=MODEL,
        max_tokens=60_000,
        messages=QUESTION,
        stream=True,
        extra_headers=steered(output_tokens=50_000, tokens_per_second=1000),
    ) as stream:
        next(iter(stream))
    created(client)

    assert standin.totals.finished == 1
    assert (standin.totals.aborted, standin.totals.unfinished_tokens.output_tokens) == (1, 50_000)


def test_asynchronous_clients_work_side_by_side() -> None:
    async def one(client: anthropic.AsyncAnthropic, number: int) -> Message:
        request: Any = {"model": MODEL, "max_tokens": 100, "messages": QUESTION}
        headers = steered(output_tokens=number + 1, separate=number % 2 == 0)
        if number % 3 == 0:
            return cast("Message", await client.messages.create(**request, extra_headers=headers))
        async with client.messages.stream(**request, extra_headers=headers) as stream:
            return await stream.get_final_message()

    async def scene() -> None:
        async with (
            StandIn(settings()) as standin,
            anthropic.AsyncAnthropic(base_url=standin.url, api_key="sk-ant-test") as client,
        ):
            messages = await asyncio.gather(*(one(client, number) for number in range(40)))

            assert [message.usage.output_tokens for message in messages] == list(range(1, 41))
            assert len({message.id for message in messages}) == 40
            assert standin.totals.tokens == told(*(message.usage for message in messages))

    asyncio.run(scene())
