"""Each fault as the real SDK meets it, at a real server: what it raises, what it read, how often it tried."""

from __future__ import annotations

import json
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import pytest
from tests.recorder.standin.asking import settings

from tokentape.recorder.standin.server import StandIn, standing_in

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from anthropic.types import Message

MODEL = "claude-haiku-4-5"
QUESTION: list[Any] = [{"role": "user", "content": "What is a tape?"}]
TEXT = "A tape keeps what was said, and when it was said."
TOKENS = 13
"""What the text costs."""
TOOL: Any = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@contextmanager
def faulty(spec: str, **behaviour: Any) -> Generator[tuple[anthropic.Anthropic, StandIn]]:
    """An SDK and a server with a fault. The SDK tries once, and waits long for an answer."""
    with (
        standing_in(settings(fault=spec, **{"text": TEXT, **behaviour})) as standin,
        anthropic.Anthropic(base_url=standin.url, api_key="sk-ant-test", max_retries=0) as client,
    ):
        yield client, standin


def asking(**more: Any) -> dict[str, Any]:
    """The parameters of a request."""
    return {"model": MODEL, "max_tokens": 500, "messages": QUESTION, **more}


def created(client: anthropic.Anthropic, **more: Any) -> Message:
    """A message that is no stream."""
    create: Any = client.messages.create  # its overloads ask for parameters one by one
    message: Message = create(**asking(**more))
    return message


def streamed(client: anthropic.Anthropic, seen: list[str] | None = None, **more: Any) -> Message:
    """A message from a stream; `seen` gets the types of its events."""
    with client.messages.stream(**asking(**more)) as stream:
        for event in stream:
            if seen is not None:
                seen.append(event.type)
        return stream.get_final_message()


def text_of(message: Message) -> str:
    """All that is said in a message."""
    return "".join(block.text for block in message.content if block.type == "text")


# Errors.


@pytest.mark.parametrize("ask", [created, streamed])
@pytest.mark.parametrize(
    "spec",
    [
        "overloaded:times=2,retry_after_ms=1",
        "rate_limited:times=2,retry_after_ms=1",
        "api_error:times=2,retry_after_ms=1",
        "timed_out:times=2,retry_after_ms=1",
        "status:times=2,code=503,retry_after_ms=1",
        "status:times=2,code=409,retry_after_ms=1",
        "overloaded:retry_after_ms=1,times=1; rate_limited:retry_after_ms=1,times=1",
    ],
)
def test_what_can_be_retried_is_retried_until_it_is_over(spec: str, ask: Any) -> None:
    with faulty(spec) as (client, standin):
        message = ask(client.with_options(max_retries=2))

        assert text_of(message) == TEXT
        assert standin.totals.requests == 3


@pytest.mark.parametrize(
    ("spec", "error", "kind"),
    [
        ("overloaded:retry_after_ms=1", anthropic.InternalServerError, "overloaded_error"),
        ("rate_limited:retry_after_ms=1", anthropic.RateLimitError, "rate_limit_error"),
        ("api_error:retry_after_ms=1", anthropic.InternalServerError, "api_error"),
        ("timed_out:retry_after_ms=1", anthropic.InternalServerError, "timeout_error"),
    ],
)
def test_what_does_not_end_is_raised_after_the_last_retry(
    spec: str, error: type[anthropic.APIStatusError], kind: str
) -> None:
    with faulty(spec) as (client, standin):
        with pytest.raises(error) as raised:
            created(client.with_options(max_retries=3))

        assert raised.value.type == kind
        assert standin.totals.requests == 4


@pytest.mark.parametrize(
    ("spec", "error", "text"),
    [
        ("too_large", anthropic.RequestTooLargeError, "Request exceeds the maximum size"),
        (
            "prompt_too_long:tokens=210000",
            anthropic.BadRequestError,
            "prompt is too long: 210000 tokens > 200000 maximum",
        ),
        ("unauthorized", anthropic.AuthenticationError, "invalid x-api-key"),
        ("status:code=403", anthropic.PermissionDeniedError, "permission error"),
        ("status:code=404", anthropic.NotFoundError, "not found error"),
    ],
)
def test_what_cannot_be_retried_is_raised_at_once(
    spec: str, error: type[anthropic.APIStatusError], text: str
) -> None:
    with faulty(spec) as (client, standin):
        with pytest.raises(error) as raised:
            created(client.with_options(max_retries=2))

        assert text in str(raised.value)
        assert standin.totals.requests == 1


def test_a_rate_limit_tells_what_was_hit() -> None:
    with faulty("rate_limited:retry_after=30,kind=input_tokens,limit=30000") as (client, _):
        with pytest.raises(anthropic.RateLimitError) as raised:
            created(client)

        headers = raised.value.response.headers
        assert headers["retry-after"] == "30"
        assert headers["anthropic-ratelimit-input-tokens-limit"] == "30000"
        assert headers["anthropic-ratelimit-input-tokens-remaining"] == "0"
        assert "30,000 input tokens per minute" in str(raised.value)


# Connections.


@pytest.mark.parametrize("spec", ["refused:times=1", "hang_up:times=1", "hang_up:reset=1,times=1"])
def test_a_connection_that_ends_is_made_again(spec: str) -> None:
    with faulty(spec) as (client, _):
        raw = client.with_options(max_retries=1).messages.with_raw_response.create(
            model=MODEL, max_tokens=500, messages=QUESTION
        )

        assert raw.retries_taken == 1
        assert text_of(raw.parse()) == TEXT


@pytest.mark.parametrize(
    "spec", ["refused", "hang_up", "hang_up:reset=1", "cut", "cut:reset=1", "cut:byte=50"]
)
def test_a_connection_that_ends_is_a_connection_error(spec: str) -> None:
    with faulty(spec) as (client, standin):
        with pytest.raises(anthropic.APIConnectionError):
            created(client)

        assert standin.totals.requests == (0 if spec == "refused" else 1)


def test_connections_are_refused_as_often_as_told() -> None:
    with faulty("refused:nth=2,times=2") as (client, standin):
        refused: list[bool] = []
        for _ in range(4):
            try:
                created(client, extra_headers={"connection": "close"})
            except anthropic.APIConnectionError:
                refused.append(True)
            else:
                refused.append(False)

        assert refused == [False, True, True, False]
        assert standin.totals.requests == 2


# Time.


@pytest.mark.parametrize("ask", [created, streamed])
def test_slow_headers_are_a_timeout(ask: Any) -> None:
    with faulty("slow_headers:seconds=60") as (client, standin):
        with pytest.raises(anthropic.APITimeoutError):
            ask(client.with_options(timeout=0.2))

        assert standin.totals.requests == 1


def test_slow_headers_that_are_waited_for_come() -> None:
    with faulty("slow_headers:seconds=0.05") as (client, _):
        assert text_of(created(client)) == TEXT
        assert text_of(streamed(client)) == TEXT


def test_a_slow_first_event_is_a_timeout_behind_the_head() -> None:
    with (
        faulty("slow_first_event:seconds=60") as (client, _),
        client.with_options(timeout=1).messages.stream(**asking()) as stream,
    ):
        assert stream.response.status_code == 200
        with pytest.raises((httpx2.ReadTimeout, anthropic.APITimeoutError)):
            next(iter(stream))


def test_a_stall_without_pings_is_a_timeout() -> None:
    with faulty("stall:after=4,every=0") as (client, _):
        seen: list[str] = []
        with pytest.raises((httpx2.ReadTimeout, anthropic.APITimeoutError)):
            streamed(client.with_options(timeout=1), seen)

        assert seen == ["message_start", "content_block_start", "content_block_delta", "text"]


def test_a_stall_with_pings_keeps_a_client_waiting_for_ever() -> None:
    with faulty("stall:after=2,every=0.01") as (client, _):
        lines: list[str] = []
        create: Any = client.messages.with_streaming_response.create
        with create(**asking(stream=True)) as response:
            for line in response.iter_lines():
                lines.append(line)
                if lines.count("event: ping") == 9:
                    break

        events = [line for line in lines if line.startswith("event:")]
        assert events == ["event: message_start", "event: content_block_start", *["event: ping"] * 9]


def test_a_stall_that_ends_loses_nothing() -> None:
    with faulty("stall:after=4,seconds=0.05,every=0.01") as (client, _):
        assert text_of(streamed(client)) == TEXT
        assert text_of(created(client)) == TEXT


# Streams.


def test_an_error_event_is_raised_inside_a_stream_and_not_retried() -> None:
    with faulty("error_event:after=4,type=api_error") as (client, standin):
        seen: list[str] = []
        with pytest.raises(anthropic.APIStatusError) as raised:
            streamed(client.with_options(max_retries=2), seen)

        assert seen == ["message_start", "content_block_start", "content_block_delta", "text"]
        assert (raised.value.status_code, raised.value.type) == (200, "api_error")
        assert standin.totals.requests == 1


def test_without_a_stream_an_error_event_is_its_status() -> None:
    with (
        faulty("error_event:type=overloaded_error") as (client, _),
        pytest.raises(anthropic.InternalServerError),
    ):
        created(client)


@pytest.mark.parametrize("spec", ["cut:after=4", "cut:after=4,inside=1", "cut:after=4,reset=1"])
def test_a_stream_that_is_cut_breaks_off_behind_what_came(spec: str) -> None:
    with faulty(spec) as (client, standin):
        seen: list[str] = []
        with pytest.raises((httpx2.TransportError, anthropic.APIConnectionError)):
            streamed(client.with_options(max_retries=2), seen)

        assert seen == ["message_start", "content_block_start", "content_block_delta", "text"]
        assert standin.totals.requests == 1


def test_a_stream_without_its_end_is_read_all_the_same() -> None:
    with faulty("no_message_stop") as (client, _):
        seen: list[str] = []
        message = streamed(client, seen)

        assert "message_stop" not in seen
        assert (text_of(message), message.stop_reason) == (TEXT, "end_turn")


def test_malformed_json_is_raised() -> None:
    with faulty("malformed:after=4") as (client, _):
        seen: list[str] = []
        with pytest.raises(json.JSONDecodeError):
            streamed(client, seen)
        with pytest.raises((json.JSONDecodeError, anthropic.APIError)):
            created(client)

        assert seen[-2:] == ["content_block_delta", "text"]


def test_a_length_that_is_too_large_is_a_broken_connection() -> None:
    with faulty("wrong_length:by=10") as (client, _):
        with pytest.raises(anthropic.APIConnectionError):
            created(client)
        with pytest.raises((httpx2.TransportError, anthropic.APIConnectionError)):
            streamed(client)


def test_a_length_that_is_too_small_cuts_the_end_off() -> None:
    with faulty("wrong_length:by=-40") as (client, _):
        with pytest.raises((json.JSONDecodeError, anthropic.APIError)):
            created(client)
        seen: list[str] = []
        streamed(client, seen)

        assert "message_stop" not in seen


# Messages.


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("ask", [created, streamed])
@pytest.mark.parametrize(
    ("spec", "reason", "tokens"),
    [
        ("truncated:tokens=5", "max_tokens", 5),
        ("truncated", "max_tokens", TOKENS // 2),
        ("context_window_exceeded:tokens=5", "model_context_window_exceeded", 5),
        ("refusal:category=cyber", "refusal", 0),
        ("truncated:tokens=99", "end_turn", TOKENS),
    ],
)
def test_a_message_ends_early_with_the_usage_that_fits(
    spec: str, reason: str, tokens: int, ask: Any, encoding: str
) -> None:
    with faulty(spec, encoding=encoding) as (client, standin):
        message = ask(client)

        assert (message.stop_reason, message.usage.output_tokens) == (reason, tokens)
        assert TEXT.startswith(text_of(message))
        assert len(text_of(message)) == len(TEXT) * tokens // TOKENS
        assert standin.totals.tokens.output_tokens == tokens


def test_a_refusal_says_why() -> None:
    with faulty("refusal:category=cyber") as (client, _):
        details = streamed(client).stop_details

        assert details is not None
        assert (details.type, details.category) == ("refusal", "cyber")


@pytest.mark.parametrize("ask", [created, streamed])
def test_a_tool_is_called_again_and_again_with_the_same_input(ask: Any) -> None:
    tool = {"name": "get_weather", "input": {"city": "Paris"}}
    with faulty("tool_loop:times=4", tool=tool) as (client, standin):
        messages = list(QUESTION)
        uses: list[Any] = []
        while (said := ask(client, messages=messages, tools=[TOOL])).stop_reason == "tool_use":
            uses.append(said.content[-1])
            result = {"type": "tool_result", "tool_use_id": uses[-1].id, "content": "unknown"}
            messages += [said.to_param(), {"role": "user", "content": [result]}]

        assert [(use.name, use.input) for use in uses] == [("get_weather", {"city": "Paris"})] * 5
        assert len({use.id for use in uses}) == 5
        assert said.stop_reason == "end_turn"
        assert standin.totals.requests == 6


# Who is struck.


def test_only_those_that_fit_are_struck() -> None:
    with faulty("unauthorized:model=claude-opus-*; too_large:endpoint=count_tokens") as (client, _):
        created(client)
        with pytest.raises(anthropic.AuthenticationError):
            created(client, model="claude-opus-5")
        with pytest.raises(anthropic.RequestTooLargeError):
            client.messages.count_tokens(model=MODEL, messages=QUESTION)


def test_limits_are_enforced_with_the_headers_of_the_api() -> None:
    with faulty("limits:rpm=2,tpm=60000") as (client, standin):
        left = [
            client.messages.with_raw_response.create(model=MODEL, max_tokens=500, messages=QUESTION).headers[
                "anthropic-ratelimit-requests-remaining"
            ]
            for _ in range(2)
        ]
        with pytest.raises(anthropic.RateLimitError) as raised:
            created(client)

        assert left == ["1", "0"]
        assert 0 < int(raised.value.response.headers["retry-after"]) <= 30
        assert standin.totals.by_status == {"200": 2, "429": 1}


def outcome(client: anthropic.Anthropic, number: int) -> str:
    """How a request ended, by the name of what was raised."""
    try:
        streamed(client, messages=[{"role": "user", "content": f"Question {number}"}])
    except (anthropic.APIError, httpx2.TransportError) as error:
        return type(error).__name__
    return ""


def outcomes(numbers: Iterable[int]) -> dict[int, str]:
    """How each request ended, under chaos."""
    chaos = "40%: overloaded; error_event; cut; unauthorized"
    with faulty("", chaos=chaos, seed=7) as (client, _):
        return {number: outcome(client, number) for number in numbers}


def test_chaos_strikes_the_same_requests_in_any_order() -> None:
    numbers = list(range(30))
    ended = outcomes(numbers)
    random.Random(1).shuffle(numbers)

    assert len(set(ended.values())) > 3
    assert outcomes(numbers) == ended
