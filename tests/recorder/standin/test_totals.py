"""Totals: sums, by status, endpoint and model; what was broken off stands apart."""

from __future__ import annotations

from tokentape.recorder.standin.totals import Tally, Tokens, Totals, as_json
from tokentape.recorder.standin.turn import Usage

USAGE = Usage(
    input_tokens=10,
    cache_read_input_tokens=20,
    ephemeral_5m_input_tokens=30,
    ephemeral_1h_input_tokens=40,
    output_tokens=50,
    thinking_tokens=5,
    web_search_requests=1,
)
CALL = Tally(endpoint="/v1/messages", status=200, model="m", usage=USAGE, stream=True, events=7)
TWICE = Tokens(
    calls=2,
    input_tokens=20,
    cache_read_input_tokens=40,
    ephemeral_5m_input_tokens=60,
    ephemeral_1h_input_tokens=80,
    output_tokens=100,
    thinking_tokens=10,
    web_search_requests=2,
)


def test_finished_calls_are_summed() -> None:
    totals = Totals()
    totals.finish(CALL, 100)
    totals.finish(CALL, 100)
    totals.finish(Tally(endpoint="/v1/files", status=404, error="not_found_error"), 9)

    assert totals == Totals(
        finished=3,
        streams_finished=2,
        events=14,
        bytes_out=209,
        by_status={"200": 2, "404": 1},
        by_endpoint={"/v1/messages": 2, "/v1/files": 1},
        errors={"not_found_error": 1},
        tokens=TWICE,
        models={"m": TWICE},
    )


def test_equal_calls_can_be_counted_together() -> None:
    together, apart = Totals(), Totals()
    together.finish(CALL, 100, 3)
    for _ in range(3):
        apart.finish(CALL, 100)

    assert together == apart


def test_what_was_broken_off_is_not_in_the_tokens() -> None:
    totals = Totals()
    totals.break_off(CALL, 10, by_client=True)
    totals.break_off(CALL, 20, by_client=False)
    totals.break_off(None, 0, by_client=True)

    assert totals == Totals(aborted=2, cut=1, bytes_out=30, unfinished_tokens=TWICE)


def test_an_error_inside_a_stream_leaves_its_tokens_unfinished() -> None:
    totals = Totals()
    totals.finish(Tally(endpoint="e", status=200, model="m", usage=USAGE, stream=True, error="api_error"), 1)

    assert (totals.tokens, totals.unfinished_tokens.output_tokens, totals.errors) == (
        Tokens(),
        50,
        {"api_error": 1},
    )


def test_json_has_every_field() -> None:
    assert set(as_json(Totals())) == set(Totals.__struct_fields__)
    assert as_json(Totals(tokens=TWICE))["tokens"]["cache_read_input_tokens"] == 40
