"""Whole exchanges as calls."""

from __future__ import annotations

import gc
import gzip
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.messages.exchanges import (
    EVENT_STREAM,
    JSON,
    MODEL,
    SALT,
    STARTED,
    WALL,
    block_start,
    block_stop,
    delta,
    dump,
    end,
    event,
    message,
    open_reader,
    read,
    read_json,
    request_body,
    start,
    text_stream,
)

from tokentape.proxy.frames import Ending
from tokentape.proxy.messages import reader as reader_module
from tokentape.proxy.messages.attempts import AttemptTracker
from tokentape.proxy.messages.call import (
    CacheOutcome,
    CacheWrites,
    Call,
    CallError,
    OpenCall,
    Outcome,
    RateLimit,
    RateLimitWindow,
    RequestFacts,
    Timings,
    Trace,
    Usage,
)
from tokentape.proxy.messages.hashing import credential_hash, digest

if TYPE_CHECKING:
    from collections.abc import Callable

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SDK = [
    (b"Authorization", b"Bearer sk-ant-api03-key"),
    (b"User-Agent", b"Anthropic/Python 2.12.0"),
    (b"anthropic-version", b"2026-10-21"),
    (b"anthropic-beta", b"fast-mode"),
    (b"x-stainless-retry-count", b"0"),
    (b"traceparent", f"00-{TRACE_ID}-{SPAN_ID}-01".encode()),
]
OVERLOADED = dump(
    {"type": "error", "error": {"type": "overloaded_error", "message": "x"}, "request_id": "req_2"}
)


def test_a_unary_call_is_understood_in_every_field() -> None:
    body = request_body(system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}])
    call = read_json(
        message(usage={"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 7}),
        request=body,
        headers=SDK,
        labels="project=checkout,session=s-1",
        reply_headers=[
            (b"Request-Id", b"req_1"),
            (b"anthropic-organization-id", b"org_1"),
            (b"anthropic-ratelimit-requests-limit", b"5"),
            (b"retry-after", b"9"),
        ],
    )
    assert call == Call(
        id="relay-0-1",
        engine="relay",
        method="POST",
        endpoint="/v1/messages",
        started_at=WALL,
        ended_at=WALL + 1.1,
        outcome=Outcome.OK,
        status=200,
        model="claude-sonnet-4-5",
        model_asked=MODEL,
        model_served=MODEL,
        request=RequestFacts(
            model=MODEL,
            max_tokens=64,
            messages=1,
            cache_marks=1,
            cache_ttls=("5m",),
            prefix_sums=call.request.prefix_sums,
            prefix_parts=("system", "messages.0"),
            body_hash=call.request.body_hash,
            body_bytes=len(body),
        ),
        usage=Usage(input_tokens=10, output_tokens=5, cache_creation_input_tokens=7),
        cache_writes=CacheWrites(tokens_5m=7, assumed=True),
        cache_outcome=CacheOutcome.WRITE,
        message_id="msg_1",
        stop_reason="end_turn",
        blocks={"text": 1},
        characters={"text": 3},
        timings=Timings(duration=call.timings.duration, headers=1.0),
        rate_limits=(RateLimit(kind="requests", limit=5),),
        credential=credential_hash(SALT, b"sk-ant-api03-key"),
        organization_id="org_1",
        request_id="req_1",
        labels={"project": "checkout", "session": "s-1"},
        project="checkout",
        session="s-1",
        client="Anthropic/Python 2.12.0",
        api_version="2026-10-21",
        betas=("fast-mode",),
        trace=Trace(trace_id=TRACE_ID, span_id=SPAN_ID, sampled=True),
    )
    assert call.timings.duration == pytest.approx(1.1)


def test_a_stream_has_times_and_a_rate() -> None:
    reader = open_reader()
    reader.request_body(request_body(stream=True))
    reader.request_end()
    reader.response_head(200, [EVENT_STREAM], 101.0)
    reader.response_body(start() + block_start(0, "thinking", thinking=""), 102.0)
    reader.response_body(delta(0, "thinking_delta", thinking="a"), 104.0)
    reader.response_body(block_stop(0) + block_start(1, "text", text=""), 105.0)
    reader.response_body(delta(1, "text_delta", text="b"), 109.0)
    reader.response_body(block_stop(1) + end(output_tokens=50), 110.0)
    call = reader.close(Ending.COMPLETE, "", 0, 110.5)
    assert call.stream
    assert call.timings == Timings(
        duration=10.5,
        headers=1.0,
        first_event=2.0,
        first_token={"thinking": 4.0, "text": 9.0},
        first_token_any=4.0,
        last_token=9.0,
        largest_gap=4.0,
        output_tokens_per_second=10.0,
    )


def test_a_rate_needs_a_known_output_and_two_moments() -> None:
    assert read(text_stream("all at once")).timings.output_tokens_per_second is None
    cut = read([start(), delta(0, "text_delta", text="a"), delta(0, "text_delta", text="b")])
    assert cut.timings.output_tokens_per_second is None


class TestOpening:
    def test_what_is_known_of_a_request_is_told_once(self) -> None:
        reader = open_reader(labels="project=p,team=t", target="/v1/messages/count_tokens?beta=true")
        reader.request_body(request_body(model="claude-opus-4-1-20250805[1m]"))
        opened = reader.request_end()
        assert opened == OpenCall(
            id="relay-0-1",
            endpoint="/v1/messages/count_tokens",
            model="claude-opus-4-1",
            project="p",
            labels={"project": "p", "team": "t"},
        )
        assert reader.request_end() is opened

    def test_what_says_nothing_gets_defaults(self) -> None:
        opened = open_reader(method="GET", target="/v1/files/file_1").request_end()
        assert opened == OpenCall(
            id="relay-0-1", endpoint="/v1/files/{id}", model="none", project="default", labels={}
        )

    def test_a_request_may_come_in_pieces(self) -> None:
        body = request_body()
        reader = open_reader()
        for i in range(len(body)):
            reader.request_body(body[i : i + 1])
        reader.request_end()
        call = reader.close(Ending.CLIENT_ABORT, "", 0, 101.0)
        assert call.request == read(b"", request=body).request

    def test_a_request_that_was_not_finished_says_its_model(self) -> None:
        reader = open_reader()
        reader.request_body(request_body(stream=True)[:60])
        call = reader.close(Ending.CLIENT_ABORT, "", 0, 101.0)
        assert (call.outcome, call.model, call.parse_errors) == (
            Outcome.CLIENT_ABORT,
            "claude-sonnet-4-5",
            (),
        )
        assert call.request == RequestFacts(model=MODEL, body_bytes=60)

    def test_a_request_that_is_too_large_says_its_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader_module, "MAX_REQUEST", 100)
        body = request_body(stream=True, system="x" * 1000)
        call = read(text_stream("a"), request=body)
        assert (call.outcome, call.parse_errors) == (Outcome.OK, ("request_too_large",))
        assert (call.request.model, call.request.body_bytes) == (MODEL, len(body))
        assert call.request.body_hash is None

    def test_bytes_are_let_go_when_the_request_has_been_read(self) -> None:
        tracemalloc.start()
        try:
            reader = open_reader()
            reader.request_body(request_body(system="x" * 1_000_000))
            held, _ = tracemalloc.get_traced_memory()
            reader.request_end()
            gc.collect()
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held > 1_000_000
        assert left < 50_000


class TestOutcomes:
    def test_an_error_reply_has_type_retry_time_and_no_usage(self) -> None:
        call = read(OVERLOADED, status=529, reply_headers=[JSON, (b"retry-after-ms", b"1500")])
        assert (call.outcome, call.status) == (Outcome.API_ERROR, 529)
        assert call.error == CallError(type="overloaded_error")
        assert (call.retry_after, call.usage, call.cache_outcome) == (1.5, None, None)
        assert (call.request_id, call.parse_errors) == ("req_2", ())

    def test_an_error_page_has_the_type_of_its_status(self) -> None:
        call = read(b"<html>502</html>", status=502, reply_headers=[(b"content-type", b"text/html")])
        assert (call.error, call.parse_errors) == (CallError(type="api_error"), ())

    def test_an_error_inside_a_stream(self) -> None:
        call = read(start() + event("error", error={"type": "overloaded_error", "message": "x"}))
        assert (call.outcome, call.status) == (Outcome.STREAM_ERROR, 200)
        assert call.error == CallError(type="overloaded_error")
        assert call.usage == Usage(input_tokens=10)

    def test_a_client_that_leaves_early_and_one_that_leaves_after_the_end(self) -> None:
        whole = text_stream("hello")
        assert read(whole, ending=Ending.CLIENT_ABORT).outcome is Outcome.OK
        early = read(whole[: whole.index(b"event: message_delta")], ending=Ending.CLIENT_ABORT)
        assert (early.outcome, early.error) == (Outcome.CLIENT_ABORT, None)
        assert (early.usage, early.characters) == (Usage(input_tokens=10), {"text": 5})

    def test_a_stream_that_merely_stops_was_cut_off_by_the_upstream(self) -> None:
        call = read(start())
        assert (call.outcome, call.error) == (Outcome.UPSTREAM_ABORT, None)

    def test_an_open_ended_stream_of_another_endpoint_is_left_alone(self) -> None:
        how: dict[str, Any] = {"method": "GET", "target": "/v1/sessions/s/events/stream", "request": b""}
        for ending in (Ending.COMPLETE, Ending.CLIENT_ABORT):
            call = read(event("session.status") + start(), ending=ending, **how)
            assert (call.outcome, call.stream, call.endpoint) == (
                Outcome.OK,
                True,
                "/v1/sessions/{id}/events/stream",
            )
            assert (call.usage, call.unknown, call.timings.first_event) == (None, (), None)

    def test_an_answer_of_the_proxy(self) -> None:
        reader = open_reader()
        reader.request_body(request_body())
        reader.request_end()
        call = reader.close(Ending.PROXY_ERROR, "upstream_unreachable", 502, 103.0)
        assert (call.outcome, call.status) == (Outcome.PROXY_ERROR, 502)
        assert call.error == CallError(type="upstream_unreachable")
        assert (call.model, call.timings) == ("claude-sonnet-4-5", Timings(duration=3.0))

    def test_a_timeout_before_and_inside_a_reply(self) -> None:
        before = open_reader().close(Ending.TIMEOUT, "upstream_timeout", 504, 103.0)
        assert (before.outcome, before.status, before.error) == (
            Outcome.TIMEOUT,
            504,
            CallError(type="upstream_timeout"),
        )
        inside = read(start(), ending=Ending.TIMEOUT)
        assert (inside.outcome, inside.status) == (Outcome.TIMEOUT, 200)

    def test_a_client_that_left_before_any_reply_saw_no_status(self) -> None:
        call = open_reader().close(Ending.CLIENT_ABORT, "", 0, 103.0)
        assert (call.outcome, call.status) == (Outcome.CLIENT_ABORT, None)

    def test_a_unary_reply_cut_short_is_no_broken_json(self) -> None:
        call = read(dump(message())[:-9], reply_headers=[JSON], ending=Ending.CLIENT_ABORT)
        assert (call.outcome, call.parse_errors, call.usage) == (Outcome.CLIENT_ABORT, (), None)

    def test_a_unary_reply_without_its_end_was_cut_off_by_the_upstream(self) -> None:
        call = read(dump(message())[:-9], reply_headers=[JSON])
        assert (call.outcome, call.parse_errors, call.usage) == (Outcome.UPSTREAM_ABORT, (), None)

    def test_a_unary_reply_that_came_in_whole_has_its_usage_though_the_client_left(self) -> None:
        call = read(dump(message()), reply_headers=[JSON], ending=Ending.CLIENT_ABORT)
        assert call.usage == Usage(input_tokens=10, output_tokens=5)


class TestReplies:
    def test_a_reply_that_is_no_json_is_noted(self) -> None:
        assert read(b"<html>", reply_headers=[]).parse_errors == ("reply_json",)

    def test_a_reply_that_is_too_large_is_noted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader_module, "MAX_REPLY", 100)
        call = read_json(message(content=[{"type": "text", "text": "x" * 1000}]))
        assert (call.outcome, call.usage, call.parse_errors) == (Outcome.OK, None, ("reply_too_large",))

    @pytest.mark.parametrize("pieces", [1, 7, 50])
    def test_a_unary_reply_may_come_in_pieces(self, pieces: int) -> None:
        body = dump(message())
        cut = [body[i : i + pieces] for i in range(0, len(body), pieces)]
        call, whole = read(cut, reply_headers=[JSON]), read(body, reply_headers=[JSON])
        assert (call.usage, call.message_id, call.blocks) == (whole.usage, whole.message_id, whole.blocks)

    def test_counting_tokens_has_no_usage(self) -> None:
        call = read_json({"input_tokens": 5}, target="/v1/messages/count_tokens")
        assert (call.endpoint, call.model, call.usage) == (
            "/v1/messages/count_tokens",
            "claude-sonnet-4-5",
            None,
        )
        assert (call.cache_outcome, call.parse_errors) == (None, ())

    def test_bodies_of_other_endpoints_are_left_alone(self) -> None:
        call = read_json(message(), target="/v1/files", request=b"not json")
        assert (call.usage, call.model, call.parse_errors) == (None, "none", ())
        assert call.request == RequestFacts(body_bytes=8)

    def test_a_batch_is_known_when_created_and_when_asked_for(self) -> None:
        created = read_json({"id": "msgbatch_1", "type": "message_batch"}, target="/v1/messages/batches")
        asked = read(
            b"{}\n", method="GET", target="/v1/messages/batches/msgbatch_1/results", reply_headers=[]
        )
        assert (created.batch_id, asked.batch_id) == ("msgbatch_1", "msgbatch_1")
        assert asked.endpoint == "/v1/messages/batches/{id}/results"
        assert (created.usage, asked.usage) == (None, None)
        assert read(b"[", target="/v1/messages/batches", reply_headers=[JSON]).batch_id is None

    def test_the_served_model_is_the_label_where_one_was_served(self) -> None:
        call = read_json(message(model="claude-opus-4-1-20250805"))
        assert (call.model, call.model_asked, call.model_served) == (
            "claude-opus-4-1",
            MODEL,
            "claude-opus-4-1-20250805",
        )


class TestWhoCalls:
    def test_a_subscription_is_known_by_its_token_or_its_limits(self) -> None:
        token = read_json(message(), headers=[(b"authorization", b"Bearer sk-ant-oat01-x")])
        limits = read_json(
            message(), headers=SDK, reply_headers=[(b"anthropic-ratelimit-unified-5h-utilization", b"0.5")]
        )
        assert (token.subscription, limits.subscription) == (True, True)
        assert limits.rate_limit_windows == (RateLimitWindow(window="5h", utilization=0.5),)
        assert read_json(message(), headers=SDK).subscription is False

    def test_a_session_is_the_clients_own_then_a_label_then_the_user(self) -> None:
        header = [(b"X-Claude-Code-Session-Id", b"cc-1")]
        user = request_body(metadata={"user_id": "u"})
        hashed = digest(SALT, b"user", b"u")
        first = read_json(message(), headers=header, labels="session=s", request=user)
        second = read_json(message(), labels="session=s", request=user)
        third = read_json(message(), request=user)
        assert [first.session, second.session, third.session] == ["cc-1", "s", hashed]
        assert {first.user, second.user, third.user} == {hashed}
        assert read_json(message()).session is None

    def test_no_secret_and_no_text_is_in_a_call(self) -> None:
        request = request_body(system="SECRET", metadata={"user_id": "SECRET"})
        secret = [(b"x-api-key", b"SECRET"), (b"cookie", b"SECRET")]
        reply = message(content=[{"type": "text", "text": "SECRET"}])
        failed = dump({"type": "error", "error": {"type": "api_error", "message": "SECRET"}})
        calls = [
            read_json(reply, request=request, headers=secret),
            read(text_stream("SECRET"), request=request, headers=secret),
            read(failed, status=500, request=request, headers=secret),
        ]
        assert "SECRET" not in repr(calls)


class TestAttempts:
    def attempt(self, tracker: AttemptTracker, number: int, *, traced: bool, status: int = 529) -> Call:
        headers = [*SDK[:4], (b"X-Stainless-Retry-Count", str(number).encode()), *(SDK[5:] if traced else [])]
        return read(
            OVERLOADED if status >= 400 else dump(message()),
            status=status,
            reply_headers=[JSON],
            headers=headers,
            attempts=tracker,
            name=f"call-{number}",
            started=STARTED + 10 * number,
        )

    @pytest.mark.parametrize("traced", [True, False])
    def test_attempts_of_one_call_are_linked(self, traced: bool) -> None:  # noqa: FBT001 - a parametrized value
        tracker = AttemptTracker()
        calls = [self.attempt(tracker, n, traced=traced, status=200 if n == 2 else 529) for n in range(3)]
        assert [call.attempt for call in calls] == [0, 1, 2]
        assert [call.retry_of for call in calls] == [None, "call-0", "call-1"]
        assert [call.retry_cause for call in calls] == [None, "overloaded_error", "overloaded_error"]
        assert [call.attempt_inferred for call in calls] == [False, not traced, not traced]
        assert self.attempt(tracker, 3, traced=traced).retry_of is None

    def test_an_outcome_is_a_cause_where_there_is_no_error(self) -> None:
        tracker = AttemptTracker()
        read(b"", ending=Ending.CLIENT_ABORT, attempts=tracker, name="first")
        again = read_json(message(), attempts=tracker, started=STARTED + 5)
        assert (again.retry_of, again.retry_cause) == ("first", "client_abort")
        assert (again.attempt, again.attempt_inferred) == (1, True)

    def test_without_a_tracker_the_count_is_the_clients(self) -> None:
        assert read_json(message(), headers=[(b"x-stainless-retry-count", b"2")]).attempt == 2


class TestUnseen:
    def test_a_resumed_stream_gives_what_was_seen_and_no_first_times(self) -> None:
        reader = open_reader(resumed=True)
        reader.response_head(200, [EVENT_STREAM], 101.0)
        whole = text_stream("hello", "world")
        reader.response_body(whole[whole.index(b"hello") :], 102.0)
        call = reader.close(Ending.COMPLETE, "", 0, 103.0)
        assert (call.resumed, call.outcome, call.parse_errors) == (True, Outcome.OK, ())
        assert (call.usage, call.characters) == (Usage(output_tokens=5), {"text": 5})
        assert (call.timings.first_event, call.timings.first_token_any) == (None, None)

    def test_a_resumed_call_without_its_end_is_not_judged(self) -> None:
        reader = open_reader(resumed=True)
        reader.response_head(200, [EVENT_STREAM], 101.0)
        reader.response_body(b'"text":"x"}}\n\n' + delta(0, "text_delta", text="a"), 102.0)
        call = reader.close(Ending.COMPLETE, "", 0, 103.0)
        assert (call.outcome, call.parse_errors, call.characters) == (Outcome.OK, (), {"text": 1})

    def test_half_a_unary_reply_is_no_error_of_a_resumed_call(self) -> None:
        call = read(dump(message())[50:], reply_headers=[JSON], resumed=True)
        assert (call.outcome, call.usage, call.parse_errors) == (Outcome.OK, None, ())

    def test_bytes_that_could_not_be_decoded_are_one_error(self) -> None:
        reader = open_reader()
        reader.request_body(gzip.compress(request_body()))
        reader.fail("decoding")
        reader.request_end()
        reader.response_head(200, [EVENT_STREAM], 101.0)
        call = reader.close(Ending.COMPLETE, "", 0, 103.0)
        assert (call.outcome, call.parse_errors) == (Outcome.OK, ("decoding",))


def test_five_identical_tool_calls_make_a_loop() -> None:
    use = {"type": "tool_use", "id": "t", "name": "get", "input": {"a": 1}}
    turn = [{"role": "assistant", "content": [use]}, {"role": "user", "content": "result"}]
    loops = [read_json(message(), request=request_body(messages=turn * n)).tool_loop for n in (4, 5, 6)]
    assert loops == [False, True, True]


FEEDS: dict[str, Callable[[Any, bytes], None]] = {
    "request": lambda reader, data: reader.request_body(data),
    "end": lambda reader, _: reader.request_end(),
    "stream": lambda reader, _: reader.response_head(200, [EVENT_STREAM], 1.0),
    "json": lambda reader, _: reader.response_head(200, [JSON], 1.0),
    "error": lambda reader, _: reader.response_head(500, [], 1.0),
    "body": lambda reader, data: reader.response_body(data, 2.0),
    "fail": lambda reader, _: reader.fail("decoding"),
}
TARGETS = ["/v1/messages", "/v1/messages/batches", "/v1/messages/batches/b/results", "/other"]


@given(
    st.sampled_from(TARGETS),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(sorted(FEEDS)), st.binary())),
    st.sampled_from(Ending),
    st.sampled_from([0, 502]),
)
def test_no_order_of_things_and_no_bytes_raise(
    target: str,
    resumed: bool,  # noqa: FBT001 - drawn by hypothesis
    feeds: list[tuple[str, bytes]],
    ending: Ending,
    proxy_status: int,
) -> None:
    reader = open_reader(target=target, resumed=resumed, attempts=AttemptTracker())
    for kind, data in feeds:
        FEEDS[kind](reader, data)
    call = reader.close(ending, "reason", proxy_status, 3.0)
    assert call.id == "relay-0-1"
    assert isinstance(call.outcome, Outcome)
