from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.support import otlp
from tests.support.calls import make_call
from tests.support.full_call import BILL, full_call

from tokentape.proxy.messages.call import Outcome, Usage
from tokentape.proxy.pricing.bill import Bill, Status
from tokentape.proxy.telemetry.otel import wire
from tokentape.proxy.telemetry.otel.attributes import ATTRIBUTES, Facts
from tokentape.proxy.telemetry.otel.conventions import LABEL_PREFIX, Edition

if TYPE_CHECKING:
    from tokentape.proxy.telemetry.otel.values import Value

EVERYTHING: dict[str, Value] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5-20250929",
    "gen_ai.request.max_tokens": 1024,
    "gen_ai.request.stream": True,
    "gen_ai.request.reasoning.level": "high",
    "gen_ai.response.id": "msg_1",
    "gen_ai.response.model": "claude-sonnet-4-5",
    "gen_ai.response.finish_reasons": ("max_tokens",),
    "gen_ai.response.time_to_first_chunk": 0.625,
    "gen_ai.usage.input_tokens": 4037,
    "gen_ai.usage.output_tokens": 190,
    "gen_ai.usage.cache_read.input_tokens": 4000,
    "gen_ai.usage.cache_creation.input_tokens": 30,
    "gen_ai.usage.reasoning.output_tokens": 30,
    "error.type": "overloaded_error",
    "http.request.method": "POST",
    "http.route": "/v1/messages",
    "http.response.status_code": 200,
    "http.request.resend_count": 1,
    "session.id": "session-1",
    "enduser.pseudo.id": "hash-of-user",
    "anthropic.message.stop_reason": "max_tokens",
    "anthropic.request.id": "req_1",
    "anthropic.organization.id": "org-1",
    "anthropic.request.service_tier": "auto",
    "anthropic.response.service_tier": "standard",
    "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 10,
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 20,
    "anthropic.beta": ("a-2026-01-01", "b-2026-01-01"),
    "anthropic.thinking.type": "enabled",
    "tokentape.cost.status": "estimated",
    "tokentape.cost.usd": 0.0123,
    "tokentape.cost.input_usd": 0.000071,
    "tokentape.cost.cache_read_usd": 0.0012,
    "tokentape.cost.cache_write_5m_usd": 0.0001,
    "tokentape.cost.cache_write_1h_usd": 0.0002,
    "tokentape.cost.output_usd": 0.00285,
    "tokentape.cost.web_search_usd": 0.01,
    "tokentape.cost.other_usd": 0.5,
    "tokentape.cost.line_items": (
        "input claude-sonnet-4-5 7 0.000021",
        "input claude-opus-4-5 10 0.00005",
        "cache_read claude-sonnet-4-5 4000 0.0012",
        "cache_write_5m claude-sonnet-4-5 10 0.0001",
        "cache_write_1h claude-sonnet-4-5 20 0.0002",
        "output claude-sonnet-4-5 190 0.00285",
        "web_search claude-sonnet-4-5 1 0.01",
        "other claude-sonnet-4-5 1 0.5",
    ),
    "tokentape.cost.reasons": ("cache_split",),
    "tokentape.cost.modifiers": ("geo_us",),
    "tokentape.cost.cache_savings_usd": 0.01,
    "tokentape.cost.wasted_usd": 0.002,
    "tokentape.cost.waste_cause": "truncated",
    "tokentape.cost.price_table": "abc123",
    "tokentape.call.id": "relay-0-1:1",
    "tokentape.outcome": "stream_error",
    "tokentape.engine": "relay",
    "tokentape.client": "Anthropic/Python 2.12.0",
    "tokentape.project": "checkout",
    "tokentape.cassette": "greeting",
    "tokentape.cache.outcome": "mixed",
    "tokentape.cache.miss_reason": "tools_changed",
    "tokentape.request.messages": 3,
    "tokentape.request.tools": 2,
    "tokentape.request.images": 2,
    "tokentape.request.documents": 1,
    "tokentape.request.body_bytes": 1234,
    "tokentape.response.tool_calls": ("search",),
    "tokentape.tool_loop": True,
    "tokentape.time_to_headers": 0.5,
    "tokentape.stream.max_gap": 0.25,
    "tokentape.output_tokens_per_second": 95.0,
    "tokentape.retry.of": "relay-0-1:0",
    "tokentape.retry.cause": "rate_limit_error",
    "tokentape.retry.inferred": True,
    "tokentape.credential": "c0ffee",
    "tokentape.batch.id": "batch_1",
    "tokentape.batch.size": 2,
    "tokentape.resumed": True,
    "tokentape.parse_errors": ("event_json",),
    "tokentape.label.team": "search",
    "tokentape.label.cassette": "greeting",
}
RENAMED = {"gen_ai.usage.cache_creation.input_tokens": "gen_ai.usage.cache_write.input_tokens"}


def test_a_call_that_says_everything_has_every_attribute() -> None:
    assert dict(Facts(Edition.V1_41).of(full_call(), BILL)) == EVERYTHING


def test_the_latest_edition_differs_in_its_names_alone() -> None:
    latest = {RENAMED.get(name, name): value for name, value in EVERYTHING.items()}
    assert dict(Facts(Edition.LATEST).of(full_call(), BILL)) == latest


def test_the_table_has_no_row_that_the_example_lacks() -> None:
    only_results = {"tokentape.batch.custom_id", "tokentape.batch.result"}
    subscriptions = {"tokentape.cost.subscription_equivalent_usd"}
    for edition in Edition:
        named = {attribute.named(edition) for attribute in ATTRIBUTES} - {""}
        said = {name for name, _ in Facts(edition).of(full_call(), BILL)}
        assert named - said == only_results | subscriptions


@pytest.mark.parametrize("edition", Edition)
def test_no_name_is_there_twice_and_every_type_is_kept(edition: Edition) -> None:
    types: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "int": (int,),
        "double": (float,),
        "boolean": (bool,),
        "string[]": (tuple,),
    }
    rows = {row.named(edition): row for row in ATTRIBUTES if row.named(edition)}
    assert len(rows) == sum(1 for row in ATTRIBUTES if row.named(edition))
    for name, value in Facts(edition).of(full_call(custom_id="c", result="succeeded"), BILL):
        if not name.startswith(LABEL_PREFIX):
            assert isinstance(value, types[rows[name].type]), name
            assert rows[name].type == "boolean" or not isinstance(value, bool)


def test_what_is_encoded_is_what_is_read() -> None:
    facts = Facts(Edition.V1_41)
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in EVERYTHING.items()}
    for _ in range(2):  # what is kept of the first time serves the second
        span = Span.FromString(wire.repeated_sized(9, facts.encoded(full_call(), BILL)))
        assert otlp.attributes(span.attributes) == listed


def test_what_is_kept_is_bounded_and_does_not_mix_values_up() -> None:
    facts = Facts(Edition.V1_41)
    for number in range(1000):
        written = facts.encoded(make_call(request_id=f"req_{number}"), None)
        said = otlp.attributes(Span.FromString(wire.repeated_sized(9, written)).attributes)
        assert said["anthropic.request.id"] == f"req_{number}"
    assert max(len(kept) for _, _, _, kept in facts._rows) == 64


def test_a_plain_call_says_little() -> None:
    assert dict(Facts(Edition.V1_41).of(make_call(), None)) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "http.request.method": "POST",
        "http.route": "/v1/messages",
        "http.response.status_code": 200,
        "anthropic.message.stop_reason": "end_turn",
        "tokentape.call.id": "relay-0-1:1",
        "tokentape.outcome": "ok",
        "tokentape.engine": "relay",
        "tokentape.project": "default",
        "tokentape.time_to_headers": 0.5,
    }


def test_a_token_count_that_the_api_did_not_give_is_absent_and_a_zero_is_a_zero() -> None:
    unknown = make_call(usage=Usage(input_tokens=None, output_tokens=None))
    names = {name for name, _ in Facts(Edition.V1_41).of(unknown, None)}
    assert not {name for name in names if name.startswith("gen_ai.usage")}
    zero = make_call(usage=Usage(input_tokens=0, output_tokens=0, cache_read_input_tokens=0))
    said = dict(Facts(Edition.V1_41).of(zero, None))
    assert {said[f"gen_ai.usage.{kind}"] for kind in ("input_tokens", "output_tokens")} == {0}
    assert said["gen_ai.usage.cache_read.input_tokens"] == 0


def test_an_unpriced_call_has_no_cost_and_says_why() -> None:
    bill = Bill(status=Status.UNPRICED, total=None, reasons=("unknown_model",))
    said = dict(Facts(Edition.V1_41).of(make_call(), bill))
    assert {name: value for name, value in said.items() if "cost" in name} == {
        "tokentape.cost.status": "unpriced",
        "tokentape.cost.reasons": ("unknown_model",),
    }


def test_a_subscriptions_equivalent_is_no_cost() -> None:
    bill = msgspec.structs.replace(BILL, subscription=True, total=Decimal(2), waste_cause=None)
    said = dict(Facts(Edition.V1_41).of(make_call(), bill))
    money = {name for name in said if name.startswith("tokentape.cost.") and name.endswith("usd")}
    assert money == {"tokentape.cost.subscription_equivalent_usd", "tokentape.cost.cache_savings_usd"}
    assert said["tokentape.cost.subscription_equivalent_usd"] == 2.0


def test_a_reply_that_broke_off_has_the_finish_reason_error_in_the_latest_edition_only() -> None:
    cut = make_call(outcome=Outcome.UPSTREAM_ABORT, stop_reason=None)
    name = "gen_ai.response.finish_reasons"
    assert dict(Facts(Edition.LATEST).of(cut, None))[name] == ("error",)
    assert name not in dict(Facts(Edition.V1_41).of(cut, None))
