from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from tests.proxy.messages.exchanges import dump, message
from tests.recorder.editing.samples import MESSAGES, RECORDED, answered, asked, first_turn, said, second_turn

from tokentape.proxy.messages.call import Outcome, Usage
from tokentape.proxy.pricing.book import PriceBook, open_book
from tokentape.recorder.cassette.interaction import Ending, Interaction
from tokentape.recorder.editing.calls import billed, understood

NOW = RECORDED + 1000


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return open_book()


def test_a_recording_is_the_call_that_it_was() -> None:
    call = understood(first_turn(), NOW)
    assert (call.model, call.outcome, call.stop_reason, call.stream) == (
        "claude-sonnet-4-5",
        Outcome.OK,
        "tool_use",
        True,
    )
    assert call.usage == Usage(input_tokens=10, output_tokens=5)
    assert [tool.name for tool in call.tool_calls] == ["weather"]
    assert call.started_at == RECORDED
    assert (call.timings.headers, call.timings.first_token_any, call.timings.duration) == (0.5, 2.0, 6.0)


def test_without_a_time_and_a_timing_it_was_now_and_took_none() -> None:
    call = understood(Interaction(request=asked({"role": "user", "content": "Hi"}), response=said("Hi")), NOW)
    assert (call.started_at, call.timings.duration, call.outcome) == (NOW, 0.0, Outcome.OK)


def test_a_stream_is_known_by_its_bytes_where_its_type_was_redacted() -> None:
    first = first_turn()
    redacted = msgspec.structs.replace(first.response, headers=(("content-type", "**REDACTED**"),))
    call = understood(msgspec.structs.replace(first, response=redacted), NOW)
    assert call.usage == Usage(input_tokens=10, output_tokens=5)


def test_a_reply_that_was_cut_off_is_a_call_that_was() -> None:
    first = first_turn()
    cut = msgspec.structs.replace(first.response, body=first.response.body[:300], ending=Ending.CLIENT_ABORT)
    assert understood(msgspec.structs.replace(first, response=cut), NOW).outcome is Outcome.CLIENT_ABORT


def test_each_interaction_has_its_bill(book: PriceBook) -> None:
    bills = [(number, bill.total) for number, _, bill in billed([first_turn(), second_turn()], book, NOW)]
    assert bills == [(0, Decimal("0.000105")), (1, Decimal("0.000105"))]


def test_results_of_a_batch_are_billed_once_however_often_they_were_fetched(book: PriceBook) -> None:
    line = {"custom_id": "a", "result": {"type": "succeeded", "message": message()}}
    uri = f"{MESSAGES}/batches/msgbatch_1/results"
    fetch = Interaction(request=asked(uri=uri, method="GET"), response=answered(dump(line) + b"\n"))
    found = list(billed([fetch, fetch], book, NOW))
    assert [(number, call.result, bill.total) for number, call, bill in found] == [
        (0, None, Decimal(0)),
        (0, "succeeded", Decimal("0.0000525")),
        (1, None, Decimal(0)),
    ]
