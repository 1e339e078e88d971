from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from tests.support import otlp
from tests.support.calls import STARTED, make_call
from tests.support.full_call import BILL, PARENT_ID, TRACE_ID, full_call

from tokentape.proxy.messages.call import Trace
from tokentape.proxy.telemetry.otel.attributes import Facts
from tokentape.proxy.telemetry.otel.context import Contexts
from tokentape.proxy.telemetry.otel.conventions import Edition
from tokentape.proxy.telemetry.otel.events import EventWriter, plain_event
from tokentape.proxy.telemetry.otel.values import attributes

if TYPE_CHECKING:
    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.telemetry.otel.values import Structured

FACTS, CONTEXTS = Facts(Edition.V1_41), Contexts(b"salt")
SERVER = {"server.address": "api.anthropic.com"}
WRITER = EventWriter(CONTEXTS, attributes(SERVER))


def event_of(call: Call, bill: Bill | None = None) -> LogRecord:
    record: LogRecord = LogRecord.FromString(WRITER.event(call, FACTS.encoded(call, bill)))
    return record


ENDED = (int(STARTED) + 2) * 1_000_000_000


def test_an_event_says_what_the_span_says_and_finds_it() -> None:
    call = full_call()
    record = event_of(call, BILL)
    said = {name: list(value) if isinstance(value, tuple) else value for name, value in FACTS.of(call, BILL)}
    assert otlp.attributes(record.attributes) == SERVER | said | {"tokentape.duration": 2.0}
    assert (record.event_name, record.severity_text, record.severity_number) == ("tokentape.call", "WARN", 13)
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (ENDED, ENDED)
    assert (record.trace_id.hex(), record.span_id) == (TRACE_ID, CONTEXTS.of(call).span_id)
    assert record.flags == 1


def test_an_event_of_a_call_that_went_well_is_information() -> None:
    record = event_of(make_call())
    assert (record.severity_text, record.severity_number) == ("INFO", 9)


def test_an_event_of_a_call_without_a_span_says_so() -> None:
    trace = Trace(trace_id=TRACE_ID, span_id=PARENT_ID, sampled=False)
    assert event_of(make_call(trace=trace)).flags == 0


def test_content_is_an_event_of_its_own_in_structured_form() -> None:
    content: dict[str, Structured] = {
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    }
    record = LogRecord.FromString(WRITER.content_event(full_call(), content))
    assert record.event_name == "gen_ai.client.inference.operation.details"
    assert otlp.attributes(record.attributes) == SERVER | content | {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "claude-sonnet-4-5-20250929",
    }


def test_the_plain_event_is_the_same_in_json() -> None:
    call = full_call()
    said = json.loads(json.dumps(plain_event(FACTS, CONTEXTS, call, BILL, SERVER)))
    record = event_of(call, BILL)
    assert said == otlp.attributes(record.attributes) | {
        "event.name": "tokentape.call",
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
    }
