from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.support import otlp
from tests.support.calls import STARTED, make_call
from tests.support.full_call import BILL, PARENT_ID, TRACE_ID, full_call

from tokentape.proxy.messages.call import CallError, Outcome, Trace
from tokentape.proxy.telemetry.otel.attributes import Facts
from tokentape.proxy.telemetry.otel.context import Contexts
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.spans import SpanWriter
from tokentape.proxy.telemetry.otel.values import attributes

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.telemetry.otel.values import Value

SERVER: dict[str, Value] = {"server.address": "api.anthropic.com", "server.port": 443}
FACTS = Facts(Edition.V1_41)
WRITER = SpanWriter(Contexts(b"salt"), attributes(SERVER))
SECOND = 1_000_000_000
BEGUN = int(STARTED) * SECOND


def span_of(call: Call) -> Span:
    span: Span = Span.FromString(WRITER.span(call, FACTS.encoded(call, BILL)))
    return span


def test_a_span_has_the_calls_times_kind_and_attributes() -> None:
    span = span_of(full_call())
    assert span.name == "chat claude-sonnet-4-5-20250929"
    assert span.kind == Span.SPAN_KIND_CLIENT
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (BEGUN, BEGUN + 2 * SECOND)
    said = dict(FACTS.of(full_call(), BILL))
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}
    assert otlp.attributes(span.attributes) == SERVER | listed


def test_a_span_is_a_child_of_the_applications_and_linked_to_the_attempt_before() -> None:
    call = full_call()
    before = span_of(make_call(id="relay-0-1:0", trace=call.trace))
    span = span_of(call)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert span.trace_state == "vendor=1"
    (link,) = span.links
    assert (link.trace_id, link.span_id) == (before.trace_id, before.span_id)
    assert otlp.attributes(link.attributes) == {"tokentape.link.kind": "retry"}
    assert span.flags == 0x301, "sampled, and the parent is another process's"


def test_a_first_attempt_without_a_parent_is_a_root_without_links() -> None:
    span = span_of(make_call())
    assert (span.parent_span_id, list(span.links), span.flags) == (b"", [], 0x101)


def test_first_tokens_and_an_error_inside_the_stream_are_events_in_their_order() -> None:
    events = [
        (event.name, event.time_unix_nano - BEGUN, otlp.attributes(event.attributes))
        for event in span_of(full_call()).events
    ]
    assert events == [
        ("tokentape.first_token", 625_000_000, {"tokentape.block.kind": "thinking"}),
        ("tokentape.first_token", 750_000_000, {"tokentape.block.kind": "text"}),
        ("tokentape.stream_error", 2 * SECOND, {"error.type": "overloaded_error"}),
    ]


@pytest.mark.parametrize("outcome", [Outcome.CLIENT_ABORT, Outcome.UPSTREAM_ABORT, Outcome.TIMEOUT])
def test_an_abort_is_an_event(outcome: Outcome) -> None:
    (event,) = span_of(make_call(outcome=outcome)).events
    assert (event.name, event.time_unix_nano) == ("tokentape.abort", BEGUN + 2 * SECOND)
    assert otlp.attributes(event.attributes) == {"tokentape.outcome": outcome.value}


def status_of(call: Call) -> tuple[int, str, str | None]:
    span = span_of(call)
    return span.status.code, span.status.message, otlp.attributes(span.attributes).get("error.type")


def test_what_went_well_and_a_client_that_left_are_no_errors() -> None:
    assert status_of(make_call()) == (0, "", None)
    assert status_of(make_call(outcome=Outcome.CLIENT_ABORT)) == (0, "", None)


def test_an_error_has_the_apis_type_and_its_finer_code() -> None:
    error = CallError(type="invalid_request_error", code="prompt_too_long")
    call = make_call(outcome=Outcome.API_ERROR, status=400, error=error)
    assert status_of(call) == (2, "prompt_too_long", "invalid_request_error")


def test_an_error_that_nobody_named_has_the_outcomes_name() -> None:
    assert status_of(make_call(outcome=Outcome.UPSTREAM_ABORT)) == (2, "", "upstream_abort")


@pytest.mark.parametrize(
    ("method", "endpoint", "name"),
    [
        ("POST", "/v1/messages/count_tokens", "count_tokens claude"),
        ("POST", "/v1/messages/batches", "batches.create claude"),
        ("GET", "/v1/messages/batches/{id}/results", "batches.results claude"),
        ("GET", "/v1/models", "GET /v1/models"),
        ("GET", "other", "GET other"),
    ],
)
def test_a_span_is_named_by_what_was_done(method: str, endpoint: str, name: str) -> None:
    assert span_of(make_call(method=method, endpoint=endpoint, model_asked="claude")).name == name


def test_a_name_needs_no_model() -> None:
    assert span_of(make_call(model_asked=None)).name == "chat"


def test_there_is_no_span_for_a_result_of_a_batch_nor_where_the_application_did_not_sample() -> None:
    unsampled = Trace(trace_id=TRACE_ID, span_id=PARENT_ID, sampled=False)
    assert WRITER.wants(make_call())
    assert not WRITER.wants(make_call(custom_id="a"))
    assert not WRITER.wants(make_call(trace=unsampled))
