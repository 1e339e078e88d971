from __future__ import annotations

import pytest
from tests.support.calls import make_call
from tests.support.full_call import PARENT_ID, TRACE_ID

from tokentape.proxy.messages.call import Trace
from tokentape.proxy.telemetry.otel.context import Contexts, SpanContext


def traced(*, sampled: bool, tracestate: str | None = None) -> Trace:
    return Trace(trace_id=TRACE_ID, span_id=PARENT_ID, sampled=sampled, tracestate=tracestate)


def test_a_call_of_a_traced_application_is_a_child_of_its_span() -> None:
    context = Contexts(b"salt").of(make_call(trace=traced(sampled=True, tracestate="a=b")))
    assert context == SpanContext(bytes.fromhex(TRACE_ID), context.span_id, bytes.fromhex(PARENT_ID), "a=b")
    assert len(context.span_id) == 8


def test_any_other_call_begins_a_trace() -> None:
    context = Contexts(b"salt").of(make_call())
    assert (len(context.trace_id), len(context.span_id)) == (16, 8)
    assert (context.parent_id, context.tracestate) == (b"", "")


def test_every_call_of_every_process_has_ids_of_its_own() -> None:
    calls = [make_call(id=f"relay-0-1:{number}") for number in range(1000)]
    made = [Contexts(salt).of(call) for salt in (b"one", b"two") for call in calls]
    assert len({context.span_id for context in made}) == len({context.trace_id for context in made}) == 2000


@pytest.mark.parametrize("trace", [None, traced(sampled=True)])
def test_the_attempt_before_has_the_ids_that_it_was_sent_with(trace: Trace | None) -> None:
    contexts = Contexts(b"salt")
    first = make_call(id="relay-0-1:1", trace=trace)
    second = make_call(id="relay-0-1:2", trace=trace, retry_of="relay-0-1:1")
    assert contexts.before(second) == contexts.of(first)
    assert contexts.before(first) is None


def shares(sampler: str, ratio: float = 1.0) -> tuple[float, bool, bool]:
    """The share of calls without a parent that are sampled, and whether those with one are."""
    contexts = Contexts(b"salt", sampler, ratio)
    calls = [make_call(id=str(number)) for number in range(2000)]
    roots = sum(contexts.sampled(call, contexts.of(call)) for call in calls) / len(calls)
    children = [make_call(trace=traced(sampled=sampled)) for sampled in (True, False)]
    yes, no = (contexts.sampled(call, contexts.of(call)) for call in children)
    return roots, yes, no


def test_sampling_respects_the_parent() -> None:
    assert shares("parentbased_always_on") == (1, True, False)
    assert shares("parentbased_always_off") == (0, True, False)


def test_sampling_without_regard_to_the_parent() -> None:
    assert shares("always_on") == (1, True, True)
    assert shares("always_off") == (0, False, False)
    assert shares("traceidratio", 0.0) == (0, False, False)


def test_a_ratio_samples_that_share_of_what_has_no_parent() -> None:
    roots, yes, no = shares("parentbased_traceidratio", 0.25)
    assert 0.2 < roots < 0.3
    assert (yes, no) == (True, False)
