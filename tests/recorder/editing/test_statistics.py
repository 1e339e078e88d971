from __future__ import annotations

from decimal import Decimal

from tests.proxy.messages.exchanges import dump, message
from tests.recorder.editing.samples import MESSAGES, RECORDED, answered, asked, conversation, said

from tokentape.proxy.pricing.book import open_book
from tokentape.recorder.cassette.interaction import Interaction
from tokentape.recorder.editing.statistics import Repetition, Row, repetition, statistics


def test_calls_are_summed_by_endpoint_and_model() -> None:
    unknown = Interaction(
        request=asked({"role": "user", "content": "Hi"}), response=said("x", model="claude-new-9")
    )
    failed = Interaction(
        request=asked({"role": "user", "content": "Hi"}),
        response=answered(dump({"type": "error", "error": {"type": "overloaded_error"}}), status=529),
    )
    cached = message(
        usage={
            "input_tokens": 1,
            "cache_read_input_tokens": 2,
            "cache_creation_input_tokens": 3,
            "output_tokens": 4,
        }
    )
    reading = Interaction(request=asked({"role": "user", "content": "Hi"}), response=answered(dump(cached)))
    found = statistics([*conversation(), unknown, failed, reading], open_book(), RECORDED)
    assert found.interactions == 5
    assert list(found.rows) == [
        Row(
            endpoint="/v1/messages",
            model="claude-sonnet-4-5",
            calls=4,
            errors=1,
            input_tokens=21,
            cache_read_tokens=2,
            cache_write_tokens=3,
            output_tokens=14,
            usd=Decimal("0.00028485"),
        ),
        Row(
            endpoint="/v1/messages",
            model="claude-new-9",
            calls=1,
            input_tokens=10,
            output_tokens=5,
            unpriced=1,
        ),
    ]


def test_results_of_a_batch_are_a_row_of_their_own() -> None:
    lines = b"".join(
        dump({"custom_id": name, "result": {"type": "succeeded", "message": message()}}) + b"\n"
        for name in "ab"
    )
    uri = f"{MESSAGES}/batches/msgbatch_1/results"
    fetch = Interaction(request=asked(uri=uri, method="GET"), response=answered(lines))
    found = statistics([fetch], open_book(), RECORDED)
    assert [(row.endpoint, row.calls, row.usd) for row in found.rows] == [
        ("batch result", 2, Decimal("0.000105")),
        ("/v1/messages/batches/{id}/results", 1, Decimal(0)),
    ]


def test_what_requests_have_in_common_is_counted_once() -> None:
    shared = {"role": "user", "content": "x" * 1000}
    once = asked(shared)
    twice = [Interaction(request=once, response=said("a"))] * 2
    assert repetition(twice).request_bytes == 2 * repetition(twice).distinct_bytes
    longer = Interaction(request=asked(shared, {"role": "assistant", "content": "y"}), response=said("b"))
    found = repetition([twice[0], longer])
    assert found.request_bytes - found.distinct_bytes > 1000


def test_a_request_without_parts_is_one() -> None:
    odd = Interaction(request=asked(uri=f"{MESSAGES}/batches", method="GET"), response=answered(b"{}"))
    assert repetition([odd, odd]) == Repetition(request_bytes=0, distinct_bytes=0)
